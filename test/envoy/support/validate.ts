import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bootstrap, Bootstrap_DynamicResources } from "../../../generated/envoy/envoy/config/bootstrap/v3/bootstrap.ts";
import {
  ApiConfigSource,
  ApiConfigSource_ApiType,
} from "../../../generated/envoy/envoy/config/core/v3/config_source.ts";
import { GrpcService } from "../../../generated/envoy/envoy/config/core/v3/grpc_service.ts";
import { findOrFetch } from "../../../scripts/binaries.ts";
import {
  ApiVersion,
  EnvoyCluster,
  EnvoyListener,
  type EnvoyVirtualHost,
  type Filter,
  FilterChain,
  HttpConnectionManager,
  HttpFilter,
  RouteConfiguration,
  Router,
} from "../../../src/envoy/api.ts";
import { packAny } from "../../../src/envoy/pack.ts";

/** Resources to be judged by Envoy. */
export interface Resources {
  readonly virtualHosts?: readonly EnvoyVirtualHost[];
  readonly listeners?: readonly EnvoyListener[];
  readonly clusters?: readonly EnvoyCluster[];
}

const CONTROL_PLANE = "control-plane-of-the-test";
const controlPlane = { targetSpecifier: { $case: "envoyGrpc", value: { clusterName: CONTROL_PLANE } } } as const;
const ROUTER = "envoy.extensions.filters.http.router.v3.Router";
const MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/**
 * What a real Envoy says of the resources: undefined where it accepts them all, else its reasons. Each virtual host gets a
 * listener of its own, so that those of several inputs can be judged at once.
 */
export async function validateWithEnvoy(resources: Resources): Promise<string | undefined> {
  const hosts = (resources.virtualHosts ?? []).map((virtualHost, at) => listenerOf(virtualHost, at));
  const clusters = [...(resources.clusters ?? []), EnvoyCluster.fromPartial({ name: CONTROL_PLANE })];
  const bootstrap: Bootstrap = {
    ...Bootstrap.fromPartial({ node: { id: "test", cluster: "test" } }),
    dynamicResources: {
      ...Bootstrap_DynamicResources.fromPartial({}),
      adsConfig: {
        ...ApiConfigSource.fromPartial({ transportApiVersion: ApiVersion.V3 }),
        apiType: ApiConfigSource_ApiType.GRPC,
        grpcServices: [GrpcService.fromPartial(controlPlane)],
      },
    },
    staticResources: { listeners: [...hosts, ...(resources.listeners ?? [])], clusters, secrets: [] },
  };
  return await validate(Bootstrap.encode(bootstrap).finish());
}

async function validate(bootstrap: Uint8Array): Promise<string | undefined> {
  const binary = await findOrFetch("envoy");
  const folder = await mkdtemp(join(tmpdir(), "epoxy-validate-"));
  try {
    const file = join(folder, "bootstrap.pb");
    await writeFile(file, bootstrap);
    const settings = ["--mode", "validate", "-c", file, "--log-level", "error", "--disable-hot-restart"];
    return await new Promise((resolve) => {
      execFile(binary, settings, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        // The reason stands last, after the refused configuration.
        resolve(error === null ? undefined : `${stdout}${stderr}`.trim().slice(-1000) || error.message);
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function listenerOf(virtualHost: EnvoyVirtualHost, at: number): EnvoyListener {
  const routeConfig: RouteConfiguration = {
    ...RouteConfiguration.fromPartial({ name: `routes-${at}`, validateClusters: false }),
    virtualHosts: [virtualHost],
  };
  const manager: HttpConnectionManager = {
    ...HttpConnectionManager.fromPartial({ statPrefix: "test" }),
    httpFilters: [
      {
        ...HttpFilter.fromPartial({ name: "router" }),
        configType: { $case: "typedConfig", value: packAny(ROUTER, Router.encode(Router.fromPartial({}))) },
      },
    ],
    routeSpecifier: { $case: "routeConfig", value: routeConfig },
  };
  const filter: Filter = {
    name: "manager",
    configType: { $case: "typedConfig", value: packAny(MANAGER, HttpConnectionManager.encode(manager)) },
  };
  return {
    ...EnvoyListener.fromPartial({
      name: `virtual-host-${at}`,
      address: { address: { $case: "pipe", value: { path: `@epoxy-test-${at}` } } },
    }),
    filterChains: [{ ...FilterChain.fromPartial({}), filters: [filter] }],
  };
}
