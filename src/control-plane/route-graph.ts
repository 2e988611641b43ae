import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { type Collection, type Graph, structuralEquals } from "../collections/index.ts";
import {
  cutByScope,
  routeConfigHeader,
  routeConfigurationName,
  routeScope,
  scopedTableName,
  type TranslatedVirtualHost,
  virtualHostPieces,
} from "../envoy/index.ts";
import type { TranslationProblem } from "../resources/index.ts";
import {
  joinedPart,
  resourceFromBytes,
  resourceFromParts,
  typeUrls,
  type XdsPart,
  type XdsPiece,
  type XdsResource,
  xdsPart,
  xdsPiece,
} from "../xds/index.ts";
import { listenerKeyOf, originOf } from "./fragment-keys.ts";
import { samePart, type ServedResource, sameResource, servedEntry } from "./served-resource.ts";

/** A virtual host, encoded for each of the tables that it may stand in. */
export interface VirtualHostParts {
  readonly name: string;
  /** For the only table of its listener. */
  readonly whole: XdsPart;
  /** With its exact domains, for a table of its own. */
  readonly own: { readonly part: XdsPart; readonly domains: readonly string[] } | undefined;
  /** With its wildcard domains, for the table of what has no scope of its own. */
  readonly wildcard: XdsPart | undefined;
}

export interface BuiltVirtualHost {
  readonly snapshotKey: string;
  readonly listenerKey: string;
  readonly parts: VirtualHostParts | undefined;
  readonly clusters: readonly string[];
  readonly problems: readonly TranslationProblem[];
}

export interface BuiltListener {
  readonly snapshotKey: string;
  readonly resource: XdsResource | undefined;
  readonly routeConfigName: string | undefined;
  readonly scoped: boolean;
  readonly problems: readonly TranslationProblem[];
}

/** The parts of a virtual host; undefined where there is nothing that could be served. */
export function partsOf(
  { virtualHost, routes }: Pick<TranslatedVirtualHost, "virtualHost" | "routes">,
  origin: string,
): VirtualHostParts | undefined {
  if (virtualHost === undefined) return undefined;
  const frames = cutByScope(virtualHost);
  const { exact, wildcard } = frames;
  const partOf = (frame: Uint8Array): XdsPart => hostPart(virtualHostPieces(frame, routes), origin);
  const whole = partOf(frames.whole);
  return {
    name: virtualHost.name,
    whole,
    own: exact && { part: partOf(exact.frame), domains: exact.domains },
    // Most have one kind of domains only.
    wildcard: exact === undefined ? whole : wildcard && partOf(wildcard.frame),
  };
}

/** Routes that are one piece are not worth a list. */
function hostPart([frame, ...routes]: readonly [Uint8Array, ...Uint8Array[]], origin: string): XdsPart {
  const [only] = routes;
  if (only === undefined) return xdsPart(frame, origin);
  if (routes.length > 1) return joinedPart([xdsPiece(frame), ...routes.map(pieceOf)], origin);
  const bytes = new Uint8Array(frame.length + only.length);
  bytes.set(frame);
  bytes.set(only, frame.length);
  return xdsPart(bytes, origin);
}

/** Of the routes of a table, which stand in a part for each of its uses, and stay while other tables change. */
const pieces = new WeakMap<Uint8Array, XdsPiece>();
function pieceOf(bytes: Uint8Array): XdsPiece {
  const known = pieces.get(bytes) ?? xdsPiece(bytes);
  pieces.set(bytes, known);
  return known;
}

/** By content: an equal virtual host ends the wave here, before the table that it stands in is put together. */
export function sameVirtualHost(a: BuiltVirtualHost, b: BuiltVirtualHost): boolean {
  return (
    samePart(a.parts?.whole, b.parts?.whole) &&
    a.listenerKey === b.listenerKey &&
    structuralEquals(a.clusters, b.clusters) &&
    structuralEquals(a.problems, b.problems)
  );
}

interface Placed {
  readonly snapshotKey: string;
  readonly listenerKey: string;
  readonly shared: XdsPart | undefined;
  readonly own: VirtualHostParts["own"];
  readonly name: string;
}

/**
 * Route configurations from the cached bytes of virtual hosts: one for each listener, or, where these find routes by scope, one for each
 * virtual host with exact domains, the scopes that lead to them, and one for all other domains. So a change of a virtual host costs its
 * own table, not that of all.
 */
export function serveRoutes(
  graph: Graph,
  fragments: Collection<ProxyFragment>,
  listeners: Collection<BuiltListener>,
  virtualHosts: Collection<BuiltVirtualHost>,
): {
  readonly tables: Collection<ServedResource>;
  /** Of single virtual hosts, with the scopes that lead to them. */
  readonly ownTables: Collection<ServedResource>;
} {
  const headers = graph.derive(
    "envoy/route-headers",
    fragments,
    (fragment, key, lookup) => {
      const built = lookup.get(listeners, key);
      if (built?.resource === undefined || built.routeConfigName === undefined) return undefined;
      const header = (name: string): XdsPart =>
        xdsPart(routeConfigHeader(name, fragment.listener?.routeOptions, built.scoped), originOf(fragment));
      const name = routeConfigurationName(fragment.listenerName);
      return { listenerName: fragment.listenerName, name, scoped: built.scoped, own: header(name), header };
    },
    { equals: (a, b) => samePart(a.own, b.own) },
  );

  const placed = graph.derive(
    "envoy/placed-virtual-hosts",
    virtualHosts,
    ({ snapshotKey, listenerKey, parts }, _key, lookup): Placed | undefined => {
      const header = lookup.get(headers, `${listenerKey}|`);
      if (header === undefined || parts === undefined) return undefined;
      const { name, whole, own, wildcard } = parts;
      return header.scoped
        ? { snapshotKey, listenerKey, name, own, shared: wildcard }
        : { snapshotKey, listenerKey, name, own: undefined, shared: whole };
    },
    { equals: samePlace },
  );

  const shared = graph.groupBy("envoy/tables", placed, (it) => (it.shared === undefined ? [] : [it.listenerKey]));
  const tables = graph.deriveMany(
    "envoy/routes",
    fragments,
    (fragment, key, lookup) => {
      const header = lookup.get(headers, key);
      const built = lookup.get(listeners, key);
      if (header === undefined || built === undefined) return [];
      const parts = lookup.get(shared, listenerKeyOf(fragment))?.values.flatMap((it) => it.shared ?? []) ?? [];
      const { snapshotKey } = built;
      const table = servedEntry(snapshotKey, resourceFromParts(typeUrls.route, header.name, [header.own, ...parts]));
      if (!header.scoped) return [table];
      return [table, servedScope(snapshotKey, routeScope(header.listenerName, "*", header.name), originOf(fragment))];
    },
    { equals: sameResource },
  );

  const ownTables = graph.deriveMany(
    "envoy/own-routes",
    placed,
    ({ snapshotKey, listenerKey, name, own }, _key, lookup) => {
      const header = lookup.get(headers, `${listenerKey}|`);
      if (own === undefined || header === undefined) return [];
      const table = scopedTableName(header.name, name);
      const origin = own.part.origin ?? "";
      return [
        servedEntry(snapshotKey, resourceFromParts(typeUrls.route, table, [header.header(table), own.part])),
        ...own.domains.map((domain) =>
          servedScope(snapshotKey, routeScope(header.listenerName, domain, table), origin),
        ),
      ];
    },
    { equals: sameResource },
  );
  return { tables, ownTables };
}

const samePlace = (a: Placed, b: Placed): boolean =>
  a.snapshotKey === b.snapshotKey &&
  a.listenerKey === b.listenerKey &&
  a.name === b.name &&
  samePart(a.shared, b.shared) &&
  samePart(a.own?.part, b.own?.part);

const servedScope = (snapshotKey: string, { name, bytes }: ReturnType<typeof routeScope>, origin: string) =>
  servedEntry(snapshotKey, resourceFromBytes(typeUrls.scopedRoute, name, bytes, { origin }));
