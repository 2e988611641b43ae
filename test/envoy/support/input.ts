import { parse } from "yaml";
import type { ProxyFragment } from "../../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { kinds } from "../../../generated/sdk/gloo/v1.ts";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { UpstreamGroup } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import { VirtualHost as EnvoyVirtualHost } from "../../../generated/envoy/envoy/config/route/v3/route_components.ts";
import {
  type TranslatedListener,
  type TranslatedUpstream,
  type TranslatedVirtualHost,
  type TranslationContext,
  translateListener,
  translateUpstream,
  translateVirtualHost,
  translationSettings,
} from "../../../src/envoy/index.ts";
import { readService, type Service } from "../../../src/discovery/index.ts";
import { createRegistry, parseResources, refKey, refOf } from "../../../src/resources/index.ts";

/** Everything of one input, translated. */
export interface Translated {
  readonly listeners: readonly TranslatedListener[];
  readonly virtualHosts: readonly WholeVirtualHost[];
  readonly upstreams: readonly TranslatedUpstream[];
}

/** A translated virtual host with its routes. */
export type WholeVirtualHost = TranslatedVirtualHost & { readonly bytes: Uint8Array | undefined };

/** Puts a virtual host and its encoded routes together, as the control plane does. */
export function wholeVirtualHost(translated: TranslatedVirtualHost): WholeVirtualHost {
  const { virtualHost, routes } = translated;
  if (virtualHost === undefined) return { ...translated, bytes: undefined };
  const bytes = Buffer.concat([EnvoyVirtualHost.encode(virtualHost).finish(), ...routes]);
  return { ...translated, bytes, virtualHost: EnvoyVirtualHost.decode(bytes) };
}

const registry = createRegistry(kinds);

/**
 * Translates YAML documents in Kubernetes' shape: ProxyFragments, Upstreams, UpstreamGroups and Settings. Fragments and groups find
 * the Upstreams of the same text. With Services among them, Kubernetes counts as configured.
 */
export function translateYaml(
  text: string,
  source = "input",
  extra: Pick<TranslationContext, "maxDirectResponseBodyBytes"> = {},
): Translated {
  const { resources, services } = splitServices(text);
  const { documents, problems } = parseResources(registry, resources, source);
  if (problems.length > 0) throw new AggregateError(problems, problems.map((problem) => problem.message).join("\n"));
  const of = <T>(kind: string): T[] =>
    documents.filter((document) => document.kind.kind === kind).map((document) => document.resource as T);

  const settings = translationSettings(of<Settings>("Settings")[0]);
  const groups = new Map(of<UpstreamGroup>("UpstreamGroup").map((group) => [refKey(refOf(group)), group]));
  const base = {
    settings,
    upstream: () => undefined,
    upstreamGroup: () => undefined,
    tlsSecret: () => undefined,
    kubernetesService: services.size === 0 ? undefined : (ref) => services.get(refKey(ref)),
  } satisfies TranslationContext;
  const upstreams = new Map(
    of<Upstream>("Upstream").map((upstream) => [refKey(refOf(upstream)), translateUpstream(upstream, base)]),
  );
  const context: TranslationContext = {
    ...base,
    ...extra,
    upstream: (ref) => upstreams.get(refKey(ref))?.state,
    upstreamGroup: (ref) => groups.get(refKey(ref)),
  };
  const fragments = of<ProxyFragment>("ProxyFragment");
  return {
    upstreams: [...upstreams.values()],
    listeners: fragments.filter(({ listener }) => listener).map((fragment) => translateListener(fragment, context)),
    virtualHosts: fragments
      .filter(({ virtualHosts }) => virtualHosts.length > 0)
      .map((fragment) => wholeVirtualHost(translateVirtualHost(fragment, context))),
  };
}

/** Takes the Services of Kubernetes out of a text. */
function splitServices(text: string): { readonly resources: string; readonly services: ReadonlyMap<string, Service> } {
  const isService = (document: string): boolean => /^kind: Service$/m.test(document);
  const documents = text.split(/^---$/m);
  const services = documents.filter(isService).map((document) => readService(parse(document)));
  return {
    resources: documents.filter((document) => !isService(document)).join("---"),
    services: new Map(services.map((service) => [refKey(service.ref), service])),
  };
}

const indent = (text: string, by: number): string => text.trimEnd().replaceAll(/^(?=.)/gm, " ".repeat(by));

/** A ProxyFragment with a virtual host for the domain `example.com` that has the given routes, as YAML. */
export const virtualHostYaml = (routes: string, virtualHost = "domains: [example.com]"): string => `
apiVersion: epoxy.dev/v1
kind: ProxyFragment
metadata: {name: fragment, namespace: gloo-system}
spec:
  proxy: {name: gateway-proxy, namespace: gloo-system}
  owner: {kind: VirtualService, ref: {name: default, namespace: gloo-system}}
  listenerName: http
  virtualHosts:
  - name: gloo-system.default
${indent(virtualHost, 4)}
    routes:
${indent(routes, 4)}
`;

/** An Upstream that exists, as YAML. */
export const upstreamYaml = (name: string, spec = "static: {hosts: [{addr: 127.0.0.1, port: 8081}]}"): string => `
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: ${name}, namespace: gloo-system}
spec:
${indent(spec, 2)}
`;
