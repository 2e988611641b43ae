import type { Collection } from "../collections/index.ts";
import type { XdsCache, XdsPart, XdsResource, XdsResourceName } from "../xds/index.ts";

/** A resource and the snapshot key of the proxies that get it. */
export interface ServedResource {
  readonly snapshotKey: string;
  readonly resource: XdsResource;
}

/** By content and by what it came from, which has to be right when a proxy refuses it. */
export const sameResource = (a: ServedResource, b: ServedResource): boolean =>
  a.resource.version === b.resource.version &&
  a.snapshotKey === b.snapshotKey &&
  a.resource.parts.length === b.resource.parts.length &&
  a.resource.parts.every((part, index) => samePart(part, b.resource.parts[index]));

export const samePart = (a: XdsPart | undefined, b: XdsPart | undefined): boolean =>
  a === b || (a?.digest === b?.digest && a?.origin === b?.origin);

/** A resource under its key among all that is served. */
export const servedEntry = (snapshotKey: string, resource: XdsResource): readonly [string, ServedResource] => [
  `${snapshotKey}|${resource.typeUrl}|${resource.name}`,
  { snapshotKey, resource },
];

/** What keeps a cache up to date. */
export interface CacheFeed {
  /** Begins if it was held and isn't any more. */
  retry(): void;
  /** Ends it; the cache stays as it is. */
  stop(): void;
}

/**
 * Keeps the cache equal to a collection. Nothing is written before the collection is complete: a proxy would take what is missing for
 * deleted. The first time, what the cache holds from before (an earlier graph, a saved state) is compared, so that only differences are
 * sent. `held`: it isn't begun yet, though all is read.
 */
export function feedCache(
  served: Collection<ServedResource>,
  cache: XdsCache,
  onFed: () => void,
  /** Whether to wait with the beginning though all is read; asked again with each change, and by `retry`. */
  isHeld: () => boolean = () => false,
): CacheFeed {
  let fed = false;
  let isRead = false;
  /** Something changed while the collection, complete before, waited for more. */
  let isBehind = false;

  function begin(): void {
    if (fed || !isRead || isHeld()) return;
    fed = true;
    feedAll();
    onFed();
  }

  function feedAll(): void {
    const byKey = Map.groupBy(served.list(), ({ snapshotKey }) => snapshotKey);
    for (const key of new Set([...cache.keys(), ...byKey.keys()])) {
      if (key === FALLBACK_KEY) continue;
      const upsert = (byKey.get(key) ?? []).map(({ resource }) => resource);
      const wanted = new Set(upsert.map(nameKey));
      const remove = cache.dump(key).flatMap(({ typeUrl, resources }) =>
        Object.keys(resources)
          .map((name): XdsResourceName => ({ typeUrl, name }))
          .filter((name) => !wanted.has(nameKey(name))),
      );
      cache.apply(key, { upsert, remove, complete: true });
    }
  }

  const stop = served.subscribe(
    (changes, { synced }) => {
      if (!synced) {
        isBehind = fed;
        return;
      }
      isRead = true;
      if (!fed) return begin();
      if (isBehind) {
        isBehind = false;
        feedAll();
        return;
      }
      const edits = new Map<string, { upsert: XdsResource[]; remove: XdsResourceName[] }>();
      for (const { before, after } of changes) {
        const one = (after ?? before) as ServedResource;
        const edit = edits.get(one.snapshotKey) ?? { upsert: [], remove: [] };
        edits.set(one.snapshotKey, edit);
        if (after === undefined) edit.remove.push({ typeUrl: one.resource.typeUrl, name: one.resource.name });
        else edit.upsert.push(after.resource);
      }
      for (const [key, edit] of edits) cache.apply(key, { ...edit, complete: true });
    },
    { initial: true },
  );
  return { stop, retry: begin };
}

/** Snapshot key of proxies that don't say which Proxy they are. */
export const FALLBACK_KEY = "misconfigured-node";

const nameKey = ({ typeUrl, name }: XdsResourceName): string => `${typeUrl} ${name}`;
