import type { Collection, Lookup } from "../collections/index.ts";
import { problemPath, type ResourceKey, refKey, type TranslationProblem } from "../resources/index.ts";

/** What is said of one resource. */
export interface ResourceProblem {
  readonly severity: TranslationProblem["severity"];
  readonly message: string;
}

/** What translators say, findable by the resource it concerns. */
export interface ProblemIndex {
  /** In an order that doesn't depend on history; each text once, with the path that the resource itself knows. */
  of(lookup: Lookup, source: ResourceKey): readonly ResourceProblem[];
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
      const texts = new Map<string, ResourceProblem>();
      for (const problem of indexes.flatMap((index) => lookup.index(index, key).flat())) {
        const itself = problem.sources.find((candidate) => sourceKey(candidate) === key);
        if (itself === undefined) continue;
        const path = problemPath(problem, itself);
        const message = path === undefined || path === "" ? problem.message : `${problem.message} (${path})`;
        texts.set(`${problem.severity} ${message}`, { severity: problem.severity, message });
      }
      return [...texts.values()];
    },
  };
}
