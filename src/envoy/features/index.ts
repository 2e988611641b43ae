import {
  ListenerType,
  RouteType,
  UpstreamType,
  VirtualHostType,
  WeightedDestinationOptionsType,
} from "../../../generated/sdk/gloo/v1.ts";
import { type Feature, type FeatureLevel, orderFeatures } from "../feature.ts";
import { unimplementedFields } from "../unimplemented.ts";
import { circuitBreakers } from "./circuit-breakers/circuit-breakers.ts";
import { connection } from "./connection/connection.ts";
import { headerManipulation } from "./header-manipulation/header-manipulation.ts";
import { healthChecks } from "./health-checks/health-checks.ts";
import { hostRewrite } from "./host-rewrite/host-rewrite.ts";
import { loadBalancer } from "./load-balancer/load-balancer.ts";
import { outlierDetection } from "./outlier-detection/outlier-detection.ts";
import { prefixRewrite } from "./prefix-rewrite/prefix-rewrite.ts";
import { regexRewrite } from "./regex-rewrite/regex-rewrite.ts";
import { retries } from "./retries/retries.ts";
import { timeout } from "./timeout/timeout.ts";

/** Every feature, in the order in which they contribute. A new one is a folder and a line here. */
export const features: readonly Feature[] = orderFeatures([
  circuitBreakers,
  connection,
  headerManipulation,
  healthChecks,
  hostRewrite,
  loadBalancer,
  outlierDetection,
  prefixRewrite,
  regexRewrite,
  retries,
  timeout,
]);

/** What features implement of the options at `prefix`, and the order to look inside them. */
const implementedBy = (level: FeatureLevel, prefix: string): readonly string[] => [
  prefix,
  ...features.flatMap((feature) => feature.implements[level] ?? []).map((field) => prefix + field),
];

/** What is set and implemented by nothing: by the translator itself, listed here, or by a feature. */
export const unimplementedIn = {
  virtualHost: unimplementedFields(VirtualHostType, [
    "name",
    "domains",
    "routes",
    "metadata",
    "metadataStatic",
    ...implementedBy("virtualHost", "options."),
  ]),
  route: unimplementedFields(RouteType, [
    "matchers",
    "name",
    "metadata",
    "metadataStatic",
    "redirectAction",
    "directResponseAction",
    // A destination of any type is translated or has its own warning.
    "routeAction",
    ...implementedBy("route", "options."),
  ]),
  weightedDestination: unimplementedFields(WeightedDestinationOptionsType, implementedBy("weightedDestination", "")),
  listener: unimplementedFields(ListenerType, [
    "name",
    "bindAddress",
    "bindPort",
    "metadata",
    "metadataStatic",
    "routeOptions",
    // Listeners of other types have their own warning.
    "tcpListener",
    "hybridListener",
    "aggregateListener",
    ...["virtualHosts", "statPrefix", "metadata", "metadataStatic"].map((field) => `httpListener.${field}`),
    ...implementedBy("httpListener", "httpListener.options."),
    ...implementedBy("listener", "options."),
  ]),
  upstream: unimplementedFields(UpstreamType, [
    "metadata",
    "namespacedStatuses",
    "discoveryMetadata",
    "static.hosts.addr",
    "static.hosts.port",
    "static.hosts.sniAddr",
    "static.hosts.loadBalancingWeight",
    "static.hosts.metadata",
    "static.useTls",
    "pipe.path",
    // How instances are chosen and asked for is the discovery's.
    ...["serviceName", "serviceTags", "subsetTags", "instanceTags", "instanceBlacklistTags", "consistencyMode"].map(
      (field) => `consul.${field}`,
    ),
    "consul.queryOptions",
    "consul.dataCenters",
    ...["serviceName", "serviceNamespace", "servicePort", "selector", "subsetSpec"].map((field) => `kube.${field}`),
    // Upstreams of other types have their own warning.
    "aws",
    "azure",
    "awsEc2",
    "gcp",
    "ai",
    ...implementedBy("upstream", ""),
  ]),
};
