import type { ResponseEvent, XdsChange } from "../../xds/index.ts";

/** One response is ascribed to at most so many changes. */
const MAX_CHANGES = 8;

/** Which change each name under a snapshot key was touched by last. */
export interface CarriedChanges<Change> {
  add(key: string, change: Change, content: XdsChange): void;
  /** What touched the resources that a response has. */
  in(key: string, event: ResponseEvent): readonly Change[];
  remove(change: Change): void;
}

export function trackCarriedChanges<Change>(): CarriedChanges<Change> {
  /** By key, type and name. */
  const keys = new Map<string, Map<string, Map<string, Change>>>();
  const places = new Map<Change, { readonly key: string; readonly names: (readonly [string, string])[] }>();
  return {
    add(key, change, { upsert = [], remove = [] }) {
      const types = keys.get(key) ?? new Map<string, Map<string, Change>>();
      keys.set(key, types);
      const names = [...upsert, ...remove].map(({ typeUrl, name }) => [typeUrl, name] as const);
      for (const [typeUrl, name] of names) {
        const known = types.get(typeUrl) ?? new Map<string, Change>();
        types.set(typeUrl, known.set(name, change));
      }
      places.set(change, { key, names });
    },
    in(key, { typeUrl, resources, removed }) {
      const known = keys.get(key)?.get(typeUrl);
      if (known === undefined) return [];
      const found = new Set<Change>();
      const note = (name: string): void => {
        const change = found.size < MAX_CHANGES ? known.get(name) : undefined;
        if (change !== undefined) found.add(change);
      };
      for (const { name } of resources) note(name);
      for (const name of removed) note(name);
      return [...found];
    },
    remove(change) {
      const { key = "", names = [] } = places.get(change) ?? {};
      places.delete(change);
      const types = keys.get(key);
      for (const [typeUrl, name] of names) {
        const known = types?.get(typeUrl);
        if (known?.get(name) !== change) continue;
        known.delete(name);
        if (known.size === 0) types?.delete(typeUrl);
      }
      if (types?.size === 0) keys.delete(key);
    },
  };
}
