/**
 * What went down with a refused response. A client may have dropped all of it, though one resource was at fault. So when one of them gets new
 * content, and that is accepted, the others are due again: in a smaller response, never the refused one.
 */
export interface Refusals {
  refused(names: Iterable<string>): void;
  /** These are sent (with new content) or are of no interest any more. */
  superseded(names: Iterable<string>): void;
  /** A response was accepted. Returns the names that are due again. */
  accepted(): string[];
}

export function createRefusals(): Refusals {
  const names = new Set<string>();
  let armed = false;
  return {
    refused(refusedNames) {
      for (const name of refusedNames) names.add(name);
      armed = false;
    },
    superseded(sent) {
      if (names.size === 0) return;
      for (const name of sent) if (names.delete(name)) armed = true;
    },
    accepted() {
      if (!armed) return [];
      const due = [...names];
      names.clear();
      armed = false;
      return due;
    },
  };
}
