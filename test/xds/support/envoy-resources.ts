import { Cluster, Cluster_DiscoveryType } from "../../../generated/envoy/envoy/config/cluster/v3/cluster.ts";
import { Address } from "../../../generated/envoy/envoy/config/core/v3/address.ts";
import { ApiVersion, type ConfigSource } from "../../../generated/envoy/envoy/config/core/v3/config_source.ts";
import { ClusterLoadAssignment } from "../../../generated/envoy/envoy/config/endpoint/v3/endpoint.ts";
import {
  Endpoint,
  LbEndpoint,
  LocalityLbEndpoints,
} from "../../../generated/envoy/envoy/config/endpoint/v3/endpoint_components.ts";
import { FilterChain } from "../../../generated/envoy/envoy/config/listener/v3/listener_components.ts";
import { Route, VirtualHost } from "../../../generated/envoy/envoy/config/route/v3/route_components.ts";
import { Listener } from "../../../generated/envoy/envoy/config/listener/v3/listener.ts";
import { RouteConfiguration } from "../../../generated/envoy/envoy/config/route/v3/route.ts";
import { Router } from "../../../generated/envoy/envoy/extensions/filters/http/router/v3/router.ts";
import {
  HttpConnectionManager,
  HttpFilter,
} from "../../../generated/envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { resourceFromBytes, typeUrls, type XdsResource } from "../../../src/xds/index.ts";

const ads: ConfigSource = {
  authorities: [],
  configSourceSpecifier: { $case: "ads", value: {} },
  initialFetchTimeout: undefined,
  resourceApiVersion: ApiVersion.V3,
};

const socket = (port: number) =>
  Address.fromPartial({
    address: {
      $case: "socketAddress",
      value: { address: "127.0.0.1", portSpecifier: { $case: "portValue", value: port } },
    },
  });

const any = (type: string, value: Uint8Array) =>
  ({ $case: "typedConfig", value: { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(value) } }) as const;

/** A cluster whose endpoints come by EDS. */
export function cluster(name: string, connectTimeoutSeconds = 1n): XdsResource {
  const message = Cluster.fromPartial({
    name,
    connectTimeout: { seconds: connectTimeoutSeconds, nanos: 0 },
    clusterDiscoveryType: { $case: "type", value: Cluster_DiscoveryType.EDS },
  });
  const bytes = Cluster.encode({ ...message, edsClusterConfig: { edsConfig: ads, serviceName: "" } }).finish();
  return resourceFromBytes(typeUrls.cluster, name, bytes, { resendWith: [{ typeUrl: typeUrls.endpoint, name }] });
}

/** Where the cluster's one endpoint is. */
export function assignment(clusterName: string, port: number): XdsResource {
  const endpoint = { ...Endpoint.fromPartial({}), address: socket(port) };
  const message: ClusterLoadAssignment = {
    ...ClusterLoadAssignment.fromPartial({ clusterName }),
    endpoints: [
      {
        ...LocalityLbEndpoints.fromPartial({}),
        lbEndpoints: [{ ...LbEndpoint.fromPartial({}), hostIdentifier: { $case: "endpoint", value: endpoint } }],
      },
    ],
  };
  return resourceFromBytes(typeUrls.endpoint, clusterName, ClusterLoadAssignment.encode(message).finish());
}

/** A listener on the port whose routes come by RDS. */
export function listener(name: string, port: number, routeName: string): XdsResource {
  const http = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  const router = any("envoy.extensions.filters.http.router.v3.Router", Router.encode(Router.fromPartial({})).finish());
  const manager: HttpConnectionManager = {
    ...HttpConnectionManager.fromPartial({ statPrefix: "http" }),
    routeSpecifier: { $case: "rds", value: { configSource: ads, routeConfigName: routeName } },
    httpFilters: [{ ...HttpFilter.fromPartial({ name: "envoy.filters.http.router" }), configType: router }],
  };
  const configType = any(http, HttpConnectionManager.encode(manager).finish());
  const message: Listener = {
    ...Listener.fromPartial({ name }),
    address: socket(port),
    filterChains: [{ ...FilterChain.fromPartial({}), filters: [{ name: "http", configType }] }],
  };
  return resourceFromBytes(typeUrls.listener, name, Listener.encode(message).finish());
}

/** Sends all requests to the cluster; a `regex` is matched against their paths. */
export function routes(name: string, clusterName: string, regex = ".*"): XdsResource {
  const route = Route.fromPartial({
    match: { pathSpecifier: { $case: "safeRegex", value: { regex } } },
    action: { $case: "route", value: { clusterSpecifier: { $case: "cluster", value: clusterName } } },
  });
  const message: RouteConfiguration = {
    ...RouteConfiguration.fromPartial({ name }),
    virtualHosts: [{ ...VirtualHost.fromPartial({ name: "all" }), domains: ["*"], routes: [route] }],
  };
  return resourceFromBytes(typeUrls.route, name, RouteConfiguration.encode(message).finish());
}
