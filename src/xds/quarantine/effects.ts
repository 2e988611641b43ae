import { spreads, type Verdict } from "./verdict.ts";

/**
 * Whom the verdicts on one type have an effect on, by name. Streams ask for it in each of their turns, and one client may refuse everything: so it is
 * found out when a verdict or the content changes, and costs those nothing that may have what is served.
 */
export interface Effects {
  /** A verdict on content of this name has changed, or what is served under it. */
  touch(name: string): void;
  /** Names of which this node must not be given all that is served. */
  namesFor(node: string): string[];
}

interface Effect {
  readonly verdict: Verdict;
  readonly spread: boolean;
}

/** @param judged verdicts on what is served under a name now */
export function createEffects(judged: (name: string) => readonly Verdict[]): Effects {
  const touched = new Set<string>();
  const effects = new Map<string, readonly Effect[]>();

  function update(): void {
    for (const name of touched) {
      const verdicts = judged(name).filter(({ refusals }) => refusals.size > 0);
      if (verdicts.length === 0) effects.delete(name);
      else
        effects.set(
          name,
          verdicts.map((verdict) => ({ verdict, spread: spreads(verdict) })),
        );
    }
    touched.clear();
  }

  return {
    touch: (name) => void touched.add(name),
    namesFor(node) {
      if (touched.size > 0) update();
      const names: string[] = [];
      for (const [name, found] of effects) {
        const concerns = ({ verdict: { refusals, acceptedBy }, spread }: Effect): boolean =>
          refusals.has(node) || (spread && !acceptedBy.has(node));
        if (found.some(concerns)) names.push(name);
      }
      return names;
    },
  };
}
