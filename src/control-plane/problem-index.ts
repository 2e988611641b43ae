import type { Collection, Lookup } from "../collections/index.ts";
import { refKey, type ResourceKey, type TranslationProblem } from "../resources/index.ts";

/** What translators say, findable by the resource it concerns. */
export interface ProblemIndex {
  /** In an order that doesn't depend on history; each message once. */
  of(lookup: Lookup, source: ResourceKey): readonly TranslationProblem[];
}

const sourceKey = ({ kind, ref }: ResourceKey): string => `${kind}/${refKey(ref)}`;

/** Makes an index over collections of problems, kept up to date. */
export function indexProblems(
  name: string,
  collections: readonly Collection<readonly TranslationProblem[]>[],
): ProblemIndex {
  const indexes = collections.map((collection, number) =>
    collection.index(`${name}-${number}`, (problems) => [
      ...new Set(problems.flatMap((problem) => problem.sources.map(sourceKey))),
    ]),
  );
  return {
    of(lookup, source) {
      const key = sourceKey(source);
      const found = indexes
        .flatMap((index) => lookup.index(index, key).flat())
        .filter((problem) => problem.sources.some((candidate) => sourceKey(candidate) === key));
      const seen = new Set<string>();
      return found.filter(({ severity, message }) => {
        const text = `${severity} ${message}`;
        return seen.has(text) ? false : seen.add(text);
      });
    },
  };
}
