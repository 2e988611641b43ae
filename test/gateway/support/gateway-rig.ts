import {
  GatewayKind,
  ProxyKind,
  RouteOptionKind,
  RouteTableKind,
  VirtualHostOptionKind,
  VirtualServiceKind,
} from "../../../generated/sdk/index.ts";
import { createGraph, type Source } from "../../../src/collections/index.ts";
import { gatewayCollections, type GatewaySettings } from "../../../src/gateway/index.ts";
import {
  createRegistry,
  parseResources,
  type Resource,
  refKey,
  refOf,
  specEquals,
  type TranslationProblem,
} from "../../../src/resources/index.ts";

const kinds = [GatewayKind, ProxyKind, RouteOptionKind, RouteTableKind, VirtualHostOptionKind, VirtualServiceKind];
const registry = createRegistry(kinds);

const defaults: GatewaySettings = {
  writeNamespace: "gloo-system",
  readGatewaysFromAllNamespaces: false,
  translateEmptyGateways: false,
};

/** The gateway translator over sources that a test edits with YAML in Kubernetes' shape (which names the kind). */
export function gatewayRig(settings: Partial<GatewaySettings> = {}) {
  const graph = createGraph({ schedule: () => {} });
  const sources = new Map<string, Source<any>>();
  for (const kind of kinds) {
    const source = graph.source<any>(kind.plural, { equals: (a, b) => specEquals(kind as any, a, b) });
    source.markSynced();
    sources.set(kind.kind, source);
  }
  const source = (kind: string): Source<any> => sources.get(kind) as Source<any>;
  const value = graph.value<GatewaySettings>("settings");
  value.set({ ...defaults, ...settings });
  const outputs = gatewayCollections(graph, {
    gateways: source("Gateway"),
    virtualServices: source("VirtualService"),
    routeTables: source("RouteTable"),
    virtualHostOptions: source("VirtualHostOption"),
    routeOptions: source("RouteOption"),
    proxies: source("Proxy"),
    settings: value,
  });
  const runs: string[] = [];
  const rig = {
    graph,
    outputs,
    runs,
    /** Creates or replaces what the YAML holds. */
    apply(yaml: string): void {
      const { documents, problems } = parseResources<Resource>(registry, yaml, "test.yaml", {
        defaultNamespace: "gloo-system",
      });
      if (problems.length > 0) throw new AggregateError(problems, problems.map(({ message }) => message).join("\n"));
      for (const { kind, resource } of documents) source(kind.kind).set(refKey(refOf(resource)), resource);
      graph.flush();
    },
    remove(kind: string, name: string): void {
      source(kind).delete(`gloo-system/${name}`);
      graph.flush();
    },
    listeners: () => outputs.listeners.list().map((fragment) => fragment.listenerName),
    virtualHosts: () => outputs.virtualHosts.list().flatMap((fragment) => fragment.virtualHosts),
    virtualHost(name: string) {
      const found = rig.virtualHosts().find((virtualHost) => virtualHost.name === name);
      if (found === undefined)
        throw new Error(
          `no virtual host ${name} among ${rig
            .virtualHosts()
            .map((one) => one.name)
            .join(", ")}`,
        );
      return found;
    },
    problems: (): TranslationProblem[] => outputs.problems.flatMap((collection) => collection.list().flat()),
    /** `error VirtualService default: …`, one line for each problem and source. */
    report: (): string[] =>
      rig
        .problems()
        .flatMap(({ severity, message, sources: of }) =>
          of.map(({ kind, ref }) => `${severity} ${kind} ${ref.name}: ${message}`),
        )
        .toSorted(),
  };
  return rig;
}
