import type { JsonObject } from "@bufbuild/protobuf";

type Json = Readonly<Record<string, any>>;

interface Section {
  readonly dump: string;
  entries(section: Json): readonly Entry[];
}

type Entry = readonly [name: string | undefined, version: string | undefined, content?: unknown];

/** What an Envoy runs under a name. */
export interface RunningResource {
  /** "": the dump has none. */
  readonly version: string;
  /** As it was received; undefined: the dump has it in another form. */
  readonly content: JsonObject | undefined;
}

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : []);

/** Where Envoy's `/config_dump` has what came by xDS (envoy.admin.v3): by resource type, without its package. */
const sections: Readonly<Record<string, Section>> = {
  Cluster: {
    dump: "ClustersConfigDump",
    entries: (it) =>
      [...list(it["dynamic_active_clusters"]), ...list(it["dynamic_warming_clusters"])].map((entry) => [
        entry["cluster"]?.name,
        entry["version_info"],
        entry["cluster"],
      ]),
  },
  ClusterLoadAssignment: {
    dump: "EndpointsConfigDump",
    // Those of clusters that bring their endpoints with them are among them, in `static_endpoint_configs`.
    entries: (it) => list(it["dynamic_endpoint_configs"]).map((entry) => [entry["endpoint_config"]?.cluster_name, ""]),
  },
  Listener: {
    dump: "ListenersConfigDump",
    entries: (it) =>
      list(it["dynamic_listeners"]).flatMap((entry) => {
        const state = entry["active_state"] ?? entry["warming_state"];
        return state === undefined ? [] : [[entry["name"], state.version_info, state.listener]];
      }),
  },
  RouteConfiguration: {
    dump: "RoutesConfigDump",
    entries: (it) =>
      list(it["dynamic_route_configs"]).map((entry) => [
        entry["route_config"]?.name,
        entry["version_info"],
        entry["route_config"],
      ]),
  },
  Secret: {
    dump: "SecretsConfigDump",
    entries: (it) => list(it["dynamic_active_secrets"]).map((entry) => [entry["name"], entry["version_info"]]),
  },
};

/** By name, what an Envoy runs of a type. Undefined: the dump doesn't tell of this type. */
export function runningResources(dump: unknown, typeUrl: string): ReadonlyMap<string, RunningResource> | undefined {
  const section = sections[typeUrl.slice(typeUrl.lastIndexOf(".") + 1)];
  if (section === undefined) return undefined;
  const found = list((dump as Json)["configs"]).filter((config) =>
    String(config["@type"]).endsWith(`.${section.dump}`),
  );
  const entries = found.flatMap((config) => section.entries(config));
  return new Map(
    entries.flatMap(([name, version = "", content]) =>
      name === undefined ? [] : [[name, { version, content: content as JsonObject | undefined }]],
    ),
  );
}
