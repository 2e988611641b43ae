import { type CollectionError, createGraph } from "../../../src/collections/index.ts";

/** A graph whose flushes are the test's. */
export function manualGraph() {
  const errors: CollectionError[] = [];
  const graph = createGraph({ schedule: () => {}, onError: (error) => void errors.push(error) });
  return { graph, errors };
}

/** Counts the runs of a function per key and starts over when read. */
export function counter() {
  let runs: string[] = [];
  return {
    hit: (key: string) => void runs.push(key),
    take: () => {
      const taken = runs.sort();
      runs = [];
      return taken;
    },
  };
}
