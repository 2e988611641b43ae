import type { Gateway } from "../../generated/proto/epoxy/gateway/v1/gateway.ts";
import type { Listener } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { refOf, type TranslationProblem } from "../resources/index.ts";

/** Listener of a gateway in one Proxy, without virtual hosts; undefined if the gateway can't have one. */
export interface TranslatedGateway {
  readonly listener: Listener | undefined;
  readonly problems: readonly TranslationProblem[];
}

/** Gloo's name of the listener at an address. Addresses are unique within a Proxy, so names are. */
export const listenerName = (gateway: Gateway): string => `listener-${gateway.bindAddress}-${gateway.bindPort}`;

/** Translates what a gateway says by itself; which virtual services it serves doesn't matter here. */
export function translateGateway(gateway: Gateway): TranslatedGateway {
  const ref = refOf(gateway);
  const sources = [{ kind: "Gateway", ref }];
  const problems: TranslationProblem[] = [];
  const sourceRef = { name: ref.name, namespace: ref.namespace };
  const opaqueMetadata = {
    $case: "metadataStatic",
    value: { sources: [{ resourceKind: "*v1.Gateway", resourceRef: sourceRef, observedGeneration: 0n, path: "" }] },
  } as const;

  const type = gateway.gatewayType;
  if (type === undefined) {
    problems.push({ severity: "error", message: "invalid gateway: gateway must contain gatewayType", sources });
    return { listener: undefined, problems };
  }
  if (type.$case !== "httpGateway") {
    const message = `${type.$case} is not supported yet: no listener is opened for this gateway`;
    problems.push({ severity: "warning", message, path: type.$case, sources });
    return { listener: undefined, problems };
  }
  if (gateway.bindPort < 1 || gateway.bindPort > 65_535) {
    const message = `invalid gateway: bindPort must be between 1 and 65535, not ${gateway.bindPort}`;
    problems.push({ severity: "error", message, path: "bindPort", sources });
    return { listener: undefined, problems };
  }
  if (gateway.ssl) {
    const message = "TLS is not supported yet: the listener is plain, and its virtual services answer 503";
    problems.push({ severity: "warning", message, path: "ssl", sources });
  }
  const listener: Listener = {
    name: listenerName(gateway),
    bindAddress: gateway.bindAddress,
    bindPort: gateway.bindPort,
    listenerType: {
      $case: "httpListener",
      value: {
        virtualHosts: [],
        options: type.value.options,
        statPrefix: "",
        customHttpFilters: [],
        customNetworkFilters: [],
        opaqueMetadata,
      },
    },
    sslConfigurations: [],
    useProxyProto: gateway.useProxyProto,
    options: gateway.options,
    opaqueMetadata,
    routeOptions: gateway.routeOptions,
  };
  return { listener, problems };
}

/** The gateway that is there where none is stored, as Gloo had it before its Helm chart took that over. */
export function defaultGateway(namespace: string): Gateway {
  return {
    metadata: {
      name: "gateway-proxy",
      namespace,
      cluster: "",
      resourceVersion: "",
      labels: {},
      annotations: { origin: "default" },
      generation: 0n,
      ownerReferences: [],
      uid: "",
      creationTimestamp: "",
      deletionTimestamp: "",
      deletionGracePeriodSeconds: 0n,
      finalizers: [],
      generateName: "",
      selfLink: "",
      managedFields: [],
    },
    namespacedStatuses: undefined,
    ssl: false,
    bindAddress: "::",
    bindPort: 8080,
    options: undefined,
    useProxyProto: undefined,
    gatewayType: {
      $case: "httpGateway",
      value: {
        virtualServices: [],
        virtualServiceSelector: {},
        virtualServiceExpressions: undefined,
        virtualServiceNamespaces: [],
        options: undefined,
      },
    },
    proxyNames: ["gateway-proxy"],
    routeOptions: undefined,
  };
}

/** The Proxies that a gateway contributes to, each once. */
export const proxyNamesOf = (gateway: Gateway): readonly string[] =>
  gateway.proxyNames.length === 0 ? ["gateway-proxy"] : [...new Set(gateway.proxyNames)];
