import type { Collection, Graph, Lookup } from "../collections/index.ts";
import { problemPath, type ResourceKey, refKey, sharedText, type TranslationProblem } from "../resources/index.ts";

/** What is said of one resource. */
export interface ResourceProblem {
  readonly severity: TranslationProblem["severity"];
  readonly message: string;
}

/** What translators say, findable by the resource it concerns. */
export interface ProblemIndex {
  /**
   * By group, each in an order that doesn't depend on history; each text once, with the path that the resource itself knows.
   * @param key of the resource, by {@link problemKey}
   */
  of(lookup: Lookup, key: string): readonly (readonly ResourceProblem[])[];
}

/** What problems are found by. */
export const problemKey = ({ kind, ref }: ResourceKey): string => sharedText(`${kind}/${refKey(ref)}`);

/**
 * Makes an index over groups of collections of problems, kept up to date. One for all of them: almost all resources have no problem, and each index
 * that they look into costs memory for every one.
 */
export function indexProblems(
  graph: Graph,
  name: string,
  groups: readonly (readonly Collection<readonly TranslationProblem[]>[])[],
): ProblemIndex {
  const collections = groups.flatMap((group, groupNumber) => group.map((collection) => ({ groupNumber, collection })));
  const inputs = Object.fromEntries(collections.map(({ collection }, number) => [`${number}`, collection]));
  const all = graph.join(name, inputs, (values) =>
    collections.flatMap(({ groupNumber }, number) =>
      (values[number] ?? []).map((problem) => ({ groupNumber, number, problem })),
    ),
  );
  const index = all.index("by-resource", (problems) => [
    ...new Set(problems.flatMap(({ problem }) => problem.sources.map(problemKey))),
  ]);
  const nothing = groups.map(() => []);
  return {
    of(lookup, key) {
      const found = lookup.index(index, key);
      if (found.length === 0) return nothing;
      const texts = groups.map(() => new Map<string, ResourceProblem>());
      for (const { groupNumber, problem } of found.flat().toSorted((a, b) => a.number - b.number)) {
        const itself = problem.sources.find((candidate) => problemKey(candidate) === key);
        if (itself === undefined) continue;
        const path = problemPath(problem, itself);
        const message = path === undefined || path === "" ? problem.message : `${problem.message} (${path})`;
        texts[groupNumber]?.set(`${problem.severity} ${message}`, { severity: problem.severity, message });
      }
      return texts.map((group) => [...group.values()]);
    },
  };
}
