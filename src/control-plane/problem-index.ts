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
   * In an order that doesn't depend on history; each text once, with the path that the resource itself knows.
   * @param key of the resource, by {@link problemKey}
   */
  of(lookup: Lookup, key: string): readonly ResourceProblem[];
}

/** What problems are found by. */
export const problemKey = ({ kind, ref }: ResourceKey): string => sharedText(`${kind}/${refKey(ref)}`);

/**
 * Makes an index over collections of problems, kept up to date. One for all of them: almost all resources have no problem, and each index that
 * they look into costs memory for every one.
 */
export function indexProblems(
  graph: Graph,
  name: string,
  collections: readonly Collection<readonly TranslationProblem[]>[],
): ProblemIndex {
  const all = graph.join(name, Object.fromEntries(collections.map((it, number) => [`${number}`, it])), (values) =>
    collections.flatMap((_, number) => (values[number] ?? []).map((problem) => ({ number, problem }))),
  );
  const index = all.index("by-resource", (problems) => [
    ...new Set(problems.flatMap(({ problem }) => problem.sources.map(problemKey))),
  ]);
  return {
    of(lookup, key) {
      const found = lookup.index(index, key);
      if (found.length === 0) return NONE;
      const texts = new Map<string, ResourceProblem>();
      for (const { problem } of found.flat().toSorted((a, b) => a.number - b.number)) {
        const itself = problem.sources.find((candidate) => problemKey(candidate) === key);
        if (itself === undefined) continue;
        const path = problemPath(problem, itself);
        const message = path === undefined || path === "" ? problem.message : `${problem.message} (${path})`;
        texts.set(`${problem.severity} ${message}`, { severity: problem.severity, message });
      }
      return [...texts.values()];
    },
  };
}

const NONE: readonly ResourceProblem[] = [];
