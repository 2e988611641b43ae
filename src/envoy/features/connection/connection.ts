import type { HttpProtocolOptions } from "../../../../generated/proto/epoxy/gloo/options/protocol/v1/protocol.ts";
import type {
  ConnectionConfig,
  ConnectionConfig_TcpKeepAlive,
} from "../../../../generated/proto/epoxy/gloo/v1/connection.ts";
import type { Upstream } from "../../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import {
  EnvoyCommonHttpProtocolOptions,
  type EnvoyExplicitHttpConfig,
  EnvoyHttp1ProtocolOptions,
  EnvoyHttp2ProtocolOptions,
  EnvoyUpstreamHttpProtocolOptions,
  type UpstreamConnectionOptions,
} from "../../api.ts";
import { durationFault } from "../../checks/duration.ts";
import type { Duration } from "../../api.ts";
import type { Feature } from "../../feature.ts";
import { packAny } from "../../pack.ts";
import type { Report } from "../../report.ts";

const PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const EMPTY_COMMON = EnvoyCommonHttpProtocolOptions.fromPartial({});
const EMPTY_OPTIONS = EnvoyUpstreamHttpProtocolOptions.fromPartial({});

/** Envoy's bounds for HTTP/2 (Http2ProtocolOptions). */
const MIN_WINDOW = 65_535;
const MAX_INT = 2_147_483_647;

/** `connectionConfig`, and HTTP/2 to the upstream: what concerns each connection to it. */
export const connection: Feature = {
  name: "connection",
  stage: "route",
  implements: {
    upstream: [
      "connectionConfig.maxRequestsPerConnection",
      "connectionConfig.connectTimeout",
      "connectionConfig.tcpKeepalive",
      "connectionConfig.perConnectionBufferLimitBytes",
      "connectionConfig.commonHttpProtocolOptions.idleTimeout",
      "connectionConfig.commonHttpProtocolOptions.maxHeadersCount",
      "connectionConfig.commonHttpProtocolOptions.maxStreamDuration",
      "connectionConfig.http1ProtocolOptions.enableTrailers",
      "useHttp2",
      "initialStreamWindowSize",
      "initialConnectionWindowSize",
      "maxConcurrentStreams",
    ],
  },
  cluster(upstream, { report }) {
    const config = upstream.connectionConfig;
    const keepalive = config?.tcpKeepalive;
    const options = protocolOptions(upstream, report);
    if (config?.connectTimeout !== undefined) {
      check(config.connectTimeout, "above zero", "connectionConfig.connectTimeout", report);
    }
    return {
      ...(config?.connectTimeout === undefined ? {} : { connectTimeout: config.connectTimeout }),
      perConnectionBufferLimitBytes: config?.perConnectionBufferLimitBytes,
      upstreamConnectionOptions: keepalive && translateKeepalive(keepalive, report),
      typedExtensionProtocolOptions: options,
    };
  },
};

function check(duration: Duration, least: "zero allowed" | "above zero", path: string, report: Report): void {
  const fault = durationFault(duration, least);
  if (fault !== undefined) report.error(path, fault);
}

function translateKeepalive(keepalive: ConnectionConfig_TcpKeepAlive, report: Report): UpstreamConnectionOptions {
  const path = "connectionConfig.tcpKeepalive";
  const seconds = (duration: Duration | undefined, field: string): number | undefined => {
    if (duration === undefined) return undefined;
    check(duration, "zero allowed", `${path}.${field}`, report);
    // The kernel counts whole seconds; less than one would mean none.
    return Number(duration.seconds) + (duration.nanos > 0 ? 1 : 0);
  };
  return {
    tcpKeepalive: {
      keepaliveProbes: keepalive.keepaliveProbes === 0 ? undefined : keepalive.keepaliveProbes,
      keepaliveTime: seconds(keepalive.keepaliveTime, "keepaliveTime"),
      keepaliveInterval: seconds(keepalive.keepaliveInterval, "keepaliveInterval"),
    },
    setLocalInterfaceNameOnUpstreamConnections: false,
    happyEyeballsConfig: undefined,
  };
}

/** The cluster's HTTP options; empty where Envoy's defaults (HTTP/1.1) do. */
function protocolOptions(upstream: Upstream, report: Report): Record<string, ReturnType<typeof packAny>> {
  const config = upstream.connectionConfig;
  const common = commonOptions(config, report);
  const http1 = config?.http1ProtocolOptions;
  const http2 = upstream.useHttp2 === true;
  checkHttp2(upstream, http2, report);
  if (common === undefined && http1 === undefined && !http2) return {};
  const protocolConfig: EnvoyExplicitHttpConfig["protocolConfig"] = http2
    ? {
        $case: "http2ProtocolOptions",
        value: EnvoyHttp2ProtocolOptions.fromPartial({
          maxConcurrentStreams: upstream.maxConcurrentStreams,
          initialStreamWindowSize: upstream.initialStreamWindowSize,
          initialConnectionWindowSize: upstream.initialConnectionWindowSize,
        }),
      }
    : {
        $case: "httpProtocolOptions",
        value: EnvoyHttp1ProtocolOptions.fromPartial({ enableTrailers: http1?.enableTrailers ?? false }),
      };
  const options: EnvoyUpstreamHttpProtocolOptions = {
    ...EMPTY_OPTIONS,
    commonHttpProtocolOptions: common,
    upstreamProtocolOptions: { $case: "explicitHttpConfig", value: { protocolConfig } },
  };
  return { [PROTOCOL_OPTIONS]: packAny(PROTOCOL_OPTIONS, EnvoyUpstreamHttpProtocolOptions.encode(options)) };
}

function commonOptions(
  config: ConnectionConfig | undefined,
  report: Report,
): EnvoyCommonHttpProtocolOptions | undefined {
  const common: HttpProtocolOptions | undefined = config?.commonHttpProtocolOptions;
  const maxRequests = config?.maxRequestsPerConnection ?? 0;
  if (common === undefined && maxRequests === 0) return undefined;
  const path = "connectionConfig.commonHttpProtocolOptions";
  if (common?.idleTimeout) check(common.idleTimeout, "zero allowed", `${path}.idleTimeout`, report);
  if (common?.maxStreamDuration) check(common.maxStreamDuration, "zero allowed", `${path}.maxStreamDuration`, report);
  const maxHeadersCount = common?.maxHeadersCount ?? 0;
  return {
    ...EMPTY_COMMON,
    idleTimeout: common?.idleTimeout,
    maxStreamDuration: common?.maxStreamDuration,
    maxHeadersCount: maxHeadersCount === 0 ? undefined : maxHeadersCount,
    maxRequestsPerConnection: maxRequests === 0 ? undefined : maxRequests,
  };
}

function checkHttp2(upstream: Upstream, http2: boolean, report: Report): void {
  const bounds = {
    initialStreamWindowSize: MIN_WINDOW,
    initialConnectionWindowSize: MIN_WINDOW,
    maxConcurrentStreams: 1,
  };
  for (const [field, least] of Object.entries(bounds) as [keyof typeof bounds, number][]) {
    const value = upstream[field];
    if (value === undefined) continue;
    if (value < least || value > MAX_INT) report.error(field, `must be from ${least} to ${MAX_INT}`);
    else if (!http2) report.warn(field, "has no effect without useHttp2");
  }
}
