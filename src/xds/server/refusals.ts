/**
 * What went down with a refused response. A client may have dropped all of it, though one resource was at fault. So when one of these names
 * is settled otherwise, the others are due again: in a smaller response, never the refused one.
 */
export interface Refusals {
  /** What the client refused and has had no news of since. */
  readonly names: ReadonlySet<string>;
  refused(names: Iterable<string>): void;
  /** These were sent with new content, are deleted or are no longer subscribed to. */
  superseded(names: Iterable<string>): void;
  /** Takes the names that are due again. To be called when no response is unanswered. */
  due(): string[];
}

export function createRefusals(): Refusals {
  const names = new Set<string>();
  let armed = false;
  return {
    names,
    refused(refusedNames) {
      for (const name of refusedNames) names.add(name);
      armed = false;
    },
    superseded(settled) {
      if (names.size === 0) return;
      for (const name of settled) if (names.delete(name)) armed = true;
    },
    due() {
      if (!armed) return [];
      const due = [...names];
      names.clear();
      armed = false;
      return due;
    },
  };
}
