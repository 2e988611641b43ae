import { parseRefKey, refKey, refOf, refText, type Resource } from "../../resources/index.ts";
import type { Problem, ResourceClient, WatchEvent } from "../../storage/index.ts";
import type { Logger } from "../logger.ts";
import type { SavedSection } from "./saved-state.ts";

/**
 * A client whose watches keep the last good version of what can't be read, also over a restart: a resource that was good in this
 * process's former life, and that the storage now has in a form that can't be read, is among the items until it is repaired or
 * deleted. A problem that doesn't tell whose it is, such as that of one among several documents in a file, may be anybody's: nothing that
 * is missing is given up then. Of a file of which nothing can be read, all is kept that was in it.
 */
export function keepLastGood<T extends Resource>(
  client: ResourceClient<T>,
  saved: SavedSection<T>,
  logger: Logger,
): ResourceClient<T> {
  return {
    ...client,
    watch: (options) => ({
      [Symbol.asyncIterator]: () => keep(client.watch(options), client.kind.kind, saved, logger),
    }),
  };
}

async function* keep<T extends Resource>(
  events: AsyncIterable<WatchEvent<T>>,
  kind: string,
  saved: SavedSection<T>,
  logger: Logger,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const held = new Map<string, T>();
  const known = new Set<string>();
  /** Which text the resources of the former life were in. */
  const formerTexts = new Map<string, string>();
  const isDoubtful = (problems: readonly Problem[]): ((key: string) => boolean) => {
    const keys = new Set<string>();
    const texts = new Set<string>();
    let anybodys = false;
    for (const { ref, lastGoodKept, hidesOthers } of problems) {
      const key = ref && refKey(ref);
      if (hidesOthers === "probably") {
        anybodys = true;
        continue;
      }
      const text = hidesOthers && key && formerTexts.get(key);
      if (text) texts.add(text);
      if (lastGoodKept) continue;
      // Such as a file of several resources that is named for none of them.
      if (key === undefined || !(known.has(key) || held.has(key) || saved.has(key))) anybodys = true;
      else keys.add(key);
    }
    return (key) => anybodys || keys.has(key) || texts.has(formerTexts.get(key) ?? "");
  };
  const marked = (problems: readonly Problem[]): readonly Problem[] =>
    problems.map((problem) =>
      problem.ref !== undefined && held.has(refKey(problem.ref)) ? { ...problem, lastGoodKept: true } : problem,
    );

  for await (const event of events) {
    if (event.type === "state") {
      for (const item of event.items) known.add(refKey(refOf(item)));
      if (event.problems.some(({ hidesOthers }) => hidesOthers)) {
        for (const key of saved.keys()) formerTexts.set(key, textOf(saved.get(key)));
      }
      const doubtful = isDoubtful(event.problems);
      for (const key of saved.keys()) {
        if (known.has(key)) continue;
        const last = doubtful(key) ? saved.get(key) : undefined;
        if (last === undefined) saved.delete(key);
        else held.set(key, last);
      }
      for (const item of event.items) saved.set(refKey(refOf(item)), item);
      for (const key of held.keys()) {
        logger.warn(
          { kind, ...parseRefKey(key) },
          `${kind} ${refText(parseRefKey(key))} may be among what can't be read: its last good version stays in force`,
        );
      }
      yield { ...event, items: inOrder([...event.items, ...held.values()]), problems: marked(event.problems) };
    } else if (event.type === "changes") {
      for (const item of event.changed) {
        const key = refKey(refOf(item));
        held.delete(key);
        known.add(key);
        saved.set(key, item);
      }
      const gone = new Set(event.removed.map(refKey));
      const doubtful = isDoubtful(event.problems);
      for (const key of held.keys()) if (!doubtful(key)) gone.add(key);
      for (const key of gone) {
        held.delete(key);
        known.delete(key);
        saved.delete(key);
      }
      yield { ...event, removed: [...gone].map(parseRefKey), problems: marked(event.problems) };
    } else {
      yield event;
    }
  }
}

/** The resources in a file have one version; what a folder of statuses adds to it stands behind a plus. */
const textOf = (resource: Resource | undefined): string => resource?.metadata?.resourceVersion?.split("+", 1)[0] ?? "";

const inOrder = <T extends Resource>(items: readonly T[]): readonly T[] =>
  items.toSorted((a, b) => {
    const [x, y] = [refOf(a), refOf(b)];
    return compare(x.namespace, y.namespace) || compare(x.name, y.name);
  });

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
