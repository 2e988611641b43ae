import { resourceFromParts, typeUrls, type XdsCache, type XdsResource, type XdsResourceName } from "../../xds/index.ts";
import type { SavedForm, SavedState } from "./saved-state.ts";

/** A cache whose content outlives the process. */
export interface SavedCache {
  /** Like the cache that it wraps; what is applied to it is saved, too. */
  readonly cache: XdsCache;
  /** The snapshot keys that hold what was saved. They are not answered yet. */
  readonly restored: readonly string[];
  /** Serves what was restored and is not served by now, as it is, without waiting for the sources any longer. */
  serveRestored(): void;
}

const PREFIX = "served ";
const COMPLETE = "complete";

const resourceForm: SavedForm<XdsResource> = {
  split: ({ typeUrl, name, resendWith, ttlMs, parts }) => ({ json: { typeUrl, name, resendWith, ttlMs }, parts }),
  join: ({ typeUrl, name, ...options }, parts) => resourceFromParts(typeUrl, name, parts, options),
};
const completeForm: SavedForm<true | readonly string[]> = {
  split: (json) => ({ json, parts: [] }),
  join: (json) => json,
};

/**
 * Fills the cache with what was served last, and saves what is served from now on, but for secrets. Since these are missing after a
 * restart, their type then waits for its source, whatever else is served.
 */
export function savedCache(cache: XdsCache, state: SavedState): SavedCache {
  const complete = state.section(COMPLETE, completeForm);
  const served = (key: string) => state.section(PREFIX + key, resourceForm);
  const nameKey = ({ typeUrl, name }: XdsResourceName): string => [typeUrl, name].join(" ");
  const waiting = new Map<string, readonly string[]>();

  for (const section of state.sections()) {
    if (!section.startsWith(PREFIX)) continue;
    const key = section.slice(PREFIX.length);
    const types = complete.get(key);
    const saved = served(key);
    const resources = saved.keys().flatMap((name) => saved.get(name) ?? []);
    if (types === undefined || resources.length === 0) continue;
    cache.apply(key, { upsert: resources });
    const all =
      types === true ? new Set([...Object.values(typeUrls), ...resources.map(({ typeUrl }) => typeUrl)]) : types;
    waiting.set(
      key,
      [...all].filter((typeUrl) => typeUrl !== typeUrls.secret),
    );
  }

  function save(key: string, change: Parameters<XdsCache["apply"]>[1]): void {
    const saved = served(key);
    const upsert = change.upsert ?? [];
    const kept = new Set(change.remove?.length ? upsert.map(nameKey) : []);
    for (const name of change.remove ?? []) if (!kept.has(nameKey(name))) saved.delete(nameKey(name));
    for (const resource of upsert) {
      if (resource.typeUrl !== typeUrls.secret) saved.set(nameKey(resource), resource);
    }
    if (change.complete !== undefined && complete.get(key) !== true) {
      const before = (complete.get(key) ?? []) as readonly string[];
      complete.set(key, change.complete === true ? true : [...new Set([...before, ...change.complete])]);
    }
  }

  return {
    cache: {
      ...cache,
      apply(key, change) {
        cache.apply(key, change);
        waiting.delete(key);
        save(key, change);
      },
      delete(key) {
        cache.delete(key);
        waiting.delete(key);
        const saved = served(key);
        for (const name of saved.keys()) saved.delete(name);
        complete.delete(key);
      },
    },
    restored: [...waiting.keys()],
    serveRestored() {
      for (const [key, types] of waiting) cache.apply(key, { complete: types });
      waiting.clear();
    },
  };
}
