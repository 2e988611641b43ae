import { setImmediate as nextTurn } from "node:timers/promises";
import { type StreamState, typeUrls, type XdsCache, type XdsResource } from "../xds/index.ts";
import { digestOfBytes } from "./content-digest.ts";
import type { DebugSources, DebugView } from "./debug-views.ts";

/** What `/debug/contents` says: by version, a digest of what the resource says, to be compared with what Envoy says that it runs. */
export interface ContentsReport {
  readonly contents: Readonly<Record<string, string>>;
}

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 8;

/**
 * `/debug/contents?proxyID=<node id>`: of what that proxy is given, but for secrets. In slices, since all of it is decoded; what is asked for
 * again is known.
 */
export function contentsView({ cache, streams }: Pick<DebugSources, "cache" | "streams">): DebugView {
  const known = new WeakMap<XdsResource, string>();
  return async (query): Promise<ContentsReport> => {
    const id = query.get("proxyID");
    const contents: Record<string, string> = {};
    let begun = performance.now();
    const asked = streams().filter(({ node }) => node !== undefined && node.id === id);
    for (const resource of asked.flatMap((stream) => given(cache, stream))) {
      const { typeUrl, version, parts } = resource;
      const digest = known.get(resource) ?? digestOfBytes(typeUrl, Buffer.concat(parts.map(({ bytes }) => bytes)));
      if (digest === undefined) continue;
      known.set(resource, digest);
      contents[version] = digest;
      if (performance.now() - begun < SLICE_MS) continue;
      await nextTurn();
      begun = performance.now();
    }
    return { contents };
  };
}

/** What was put together for a proxy that refuses a part is nowhere else, and left out. */
function given(cache: XdsCache, { key = "", types }: StreamState): XdsResource[] {
  return types.flatMap(({ typeUrl, wildcard, names, quarantined }) => {
    if (typeUrl === typeUrls.secret) return [];
    const served = cache.dump(key).find((type) => type.typeUrl === typeUrl)?.resources ?? {};
    const instead = new Map(quarantined.map((it) => [it.name, it.given]));
    return [...new Set([...(wildcard ? Object.keys(served) : []), ...names])].flatMap((name) => {
      const current = cache.get(key, typeUrl, name);
      if (!instead.has(name)) return current ?? [];
      return cache.accepted(key, typeUrl, name).find(({ version }) => version === instead.get(name)) ?? [];
    });
  });
}
