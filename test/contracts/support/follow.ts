import { type Resource, refKey, refOf } from "../../../src/resources/index.ts";
import type { Problem, WatchEvent } from "../../../src/storage/index.ts";
import { waitFor } from "../../support/wait-for.ts";

/** What a consumer of a watch knows. */
export interface Follower<T> {
  readonly events: readonly WatchEvent<T>[];
  /** By `namespace/name`. */
  readonly items: ReadonlyMap<string, T>;
  readonly problems: readonly Problem[];
  readonly isStale: boolean;
  /** Undefined: the loop goes on. */
  readonly outcome: { readonly error: unknown } | "ended" | undefined;
  /** Waits until the consumer knows exactly these. */
  sees(...keys: readonly string[]): Promise<void>;
  until(condition: (follower: Follower<T>) => boolean): Promise<void>;
}

/** Consumes a watch to its end, and checks its grammar: `state` before `changes`, `live` after `stale` only, nothing twice. */
export function follow<T extends Resource>(watch: AsyncIterable<WatchEvent<T>>): Follower<T> {
  const events: WatchEvent<T>[] = [];
  const items = new Map<string, T>();
  const follower = {
    events,
    items,
    problems: [] as readonly Problem[],
    isStale: false,
    outcome: undefined as Follower<T>["outcome"],
  };
  let hasState = false;
  let staleReason: string | undefined;

  const take = (item: T): void => {
    const key = refKey(refOf(item));
    if (items.get(key)?.metadata?.resourceVersion === item.metadata?.resourceVersion) {
      throw new Error(`${key} was told twice in one version`);
    }
    items.set(key, item);
  };
  const handle = (event: WatchEvent<T>): void => {
    events.push(event);
    if (event.type === "stale" || event.type === "live") {
      const reason = event.type === "stale" ? event.error.message : undefined;
      if (reason === staleReason) throw new Error(`${event.type} was told twice`);
      staleReason = reason;
      follower.isStale = event.type === "stale";
      return;
    }
    if (event.type === "state") {
      hasState = true;
      items.clear();
      for (const item of event.items) take(item);
    } else {
      if (!hasState) throw new Error("changes came before the state");
      for (const ref of event.removed) {
        if (!items.delete(refKey(ref))) throw new Error(`${refKey(ref)} was removed and never there`);
      }
      for (const item of event.changed) take(item);
    }
    follower.problems = event.problems;
  };
  const run = async (): Promise<void> => {
    for await (const event of watch) handle(event);
  };
  run().then(
    () => (follower.outcome = "ended"),
    (error: unknown) => (follower.outcome = { error }),
  );

  const until = async (condition: (current: Follower<T>) => boolean): Promise<void> => {
    await waitFor(
      () => {
        if (condition(self)) return true;
        throw new Error(`the watch shows ${[...items.keys()].join(", ") || "nothing"}; ${describe(follower.outcome)}`);
      },
      { timeout: 5_000, interval: 2 },
    );
  };
  const self: Follower<T> = Object.assign(follower, {
    until,
    sees: (...keys: readonly string[]) =>
      until(() => hasState && items.size === keys.length && keys.every((key) => items.has(key))),
  });
  return self;
}

const describe = (outcome: Follower<never>["outcome"]): string =>
  outcome === undefined
    ? "it goes on"
    : outcome === "ended"
      ? "it has ended"
      : `it has failed: ${String(outcome.error)}`;
