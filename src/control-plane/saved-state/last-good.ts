import type { Collection } from "../../collections/index.ts";
import { deepFreeze, type Kind, type Resource } from "../../resources/index.ts";
import { resourceFromParts, xdsPart } from "../../xds/index.ts";
import type { BuiltListener, BuiltVirtualHost } from "../route-graph.ts";
import type { SavedForm, SavedSection } from "./saved-state.ts";

/** Text, such as who owns a domain. */
export const savedText: SavedForm<string> = {
  split: (json) => ({ json, parts: [] }),
  join: (json: string) => json,
};

/** A user's resource. */
export const savedResource = <T extends Resource>({ type }: Kind<T>): SavedForm<T> => ({
  split: (resource) => ({ json: null, parts: [xdsPart(type.codec.encode(resource).finish())] }),
  join: (_json, [part]) => deepFreeze(type.codec.decode(part?.bytes ?? new Uint8Array())),
});

/** Problems aren't saved: whoever falls back on the last good version has problems of its own. */
export const savedVirtualHost: SavedForm<BuiltVirtualHost> = {
  split({ parts, problems: _, ...rest }) {
    if (parts === undefined) return { json: rest, parts: [] };
    const { name, whole, own, wildcard } = parts;
    return {
      json: { ...rest, name, ownDomains: own?.domains, hasWildcard: wildcard !== undefined },
      parts: [whole, ...(own === undefined ? [] : [own.part]), ...(wildcard === undefined ? [] : [wildcard])],
    };
  },
  join({ name, ownDomains, hasWildcard, ...rest }, [whole, ...others]) {
    if (whole === undefined) return { ...rest, parts: undefined, problems: [] };
    const part = ownDomains === undefined ? undefined : others.shift();
    const own = part && { part, domains: ownDomains };
    return { ...rest, parts: { name, whole, own, wildcard: hasWildcard ? others.shift() : undefined }, problems: [] };
  },
};

export const savedListener: SavedForm<BuiltListener> = {
  split({ resource, problems: _, ...rest }) {
    const { typeUrl, name } = resource ?? {};
    return { json: { ...rest, typeUrl, name }, parts: resource?.parts ?? [] };
  },
  join: ({ typeUrl, name, ...rest }, parts) => ({
    ...rest,
    resource: typeUrl === undefined ? undefined : resourceFromParts(typeUrl, name, parts),
    problems: [],
  }),
};

/** Keeps a section equal to a collection, from when that is complete. Returns the way to end it. */
export function saveCollection<V, T>(
  collection: Collection<V>,
  section: SavedSection<T>,
  savedOf: (value: V) => T,
): () => void {
  let isComplete = false;
  return collection.subscribe(
    (changes, { synced }) => {
      if (!synced) return;
      if (!isComplete) {
        isComplete = true;
        for (const key of section.keys()) if (!collection.has(key)) section.delete(key);
        for (const key of collection.keys()) section.set(key, savedOf(collection.get(key) as V));
        return;
      }
      for (const { key, after } of changes) {
        if (after === undefined) section.delete(key);
        else section.set(key, savedOf(after));
      }
    },
    { initial: true },
  );
}
