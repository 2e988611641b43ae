import { resolve } from "node:path";
import type { GlooOptions_XdsOptions, Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import type { Duration } from "../../../generated/proto/google/protobuf/duration.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { Batching, ClientRule, TlsFiles, XdsLimits } from "../../xds/index.ts";
import { durationMs } from "./source-view.ts";
import { type HostPort, isLoopback, parseHostPort } from "./host-port.ts";

export const DEFAULT_XDS_ADDRESS = "127.0.0.1:9977";

/** How proxies connect. */
export interface XdsView {
  readonly address: HostPort;
  /** Undefined: plain text. */
  readonly tls: TlsFiles | undefined;
  /** Whether plain text may leave this machine. */
  readonly plaintext: boolean;
  /** Empty: everybody who can connect is served. */
  readonly clients: readonly ClientRule[];
  /** What of many changes in a row is sent together. */
  readonly batching: Batching;
  /** What a server is started with, and keeps. */
  readonly server: {
    readonly limits: Partial<XdsLimits>;
    readonly keepaliveMs: number | undefined;
    readonly maxConnectionAgeMs: number | undefined;
  };
}

/** What overrides the Settings, from the command line. */
export interface XdsOverrides {
  readonly address?: HostPort | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly plaintext?: boolean | undefined;
  /** Clients with one of the tokens in this file may ask for any role, besides those that the Settings name. */
  readonly tokenFile?: string | undefined;
}

/**
 * @param dataDirectory relative paths of Settings start here
 * @throws `invalid` with the field's path
 */
export function viewXds(settings: Settings | undefined, dataDirectory: string, overrides: XdsOverrides = {}): XdsView {
  const { xds, xdsBindAddr } = settings?.gloo ?? {};
  const { tokenFile } = overrides;
  return {
    address: overrides.address ?? parseHostPort(xdsBindAddr || DEFAULT_XDS_ADDRESS, "gloo.xdsBindAddr"),
    tls: overrides.tls ?? readTls(xds, dataDirectory),
    plaintext: overrides.plaintext || xds?.plaintext === true,
    clients: [...readClients(xds, dataDirectory), ...(tokenFile === undefined ? [] : [{ tokenFile, roles: ["*"] }])],
    batching: readBatching(xds),
    server: {
      limits: readLimits(xds),
      keepaliveMs: positive(xds?.keepalive, "keepalive"),
      maxConnectionAgeMs: positive(xds?.maxConnectionAge, "maxConnectionAge"),
    },
  };
}

/** Whether proxies can be served like this. @throws `invalid` with the field's path */
export function checkXds(view: XdsView): void {
  if (view.tls === undefined && !view.plaintext && !isLoopback(view.address.host)) {
    throw new EpoxyError(
      "invalid",
      `xDS would be served in plain text at ${view.address.host}, where others on the network can read it, secrets included: ` +
        "set gloo.xds.tls (--xds-tls-cert, --xds-tls-key), or gloo.xds.plaintext: true (--xds-plaintext) if the network is private",
      at("gloo.xds.tls"),
    );
  }
  if (
    view.clients.some(({ san, commonName }) => san !== undefined || commonName !== undefined) &&
    view.tls?.clientCaFile === undefined
  ) {
    throw new EpoxyError(
      "invalid",
      "gloo.xds.clients goes by names in certificates, but proxies aren't asked for any: set gloo.xds.tls.clientCaFile (--xds-tls-client-ca)",
      at("gloo.xds.clients"),
    );
  }
}

function readLimits(xds: GlooOptions_XdsOptions | undefined): Partial<XdsLimits> {
  const { streams, streamsPerConnection, subscriptions, requestBytes, admitted } = xds?.limits ?? {};
  const entries = Object.entries({
    ...{ streams, streamsPerConnection, subscriptions, requestBytes, admitted },
    slowAfterMs: positive(xds?.slowAfter, "slowAfter"),
    closeAfterMs: positive(xds?.giveUpAfter, "giveUpAfter"),
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== 0));
}

/** Where `maxWait` isn't set, so many times `quiet`. */
const MAX_WAIT_FACTOR = 10;
/** A change that is kept back for longer looks like one that was lost. */
const LONGEST_WAIT_MS = 600_000;

function readBatching(xds: GlooOptions_XdsOptions | undefined): Batching {
  const quietMs = durationMs(xds?.batching?.quiet) ?? 0;
  const maxWaitMs = durationMs(xds?.batching?.maxWait) ?? Math.min(quietMs * MAX_WAIT_FACTOR, LONGEST_WAIT_MS);
  const refuse = (field: string, text: string): never => {
    const path = `gloo.xds.batching.${field}`;
    throw new EpoxyError("invalid", `${path} ${text}`, at(path));
  };
  if (quietMs < 0) refuse("quiet", "can't be less than 0s");
  if (quietMs > LONGEST_WAIT_MS) refuse("quiet", "can't be longer than 600s: changes would wait as long");
  if (maxWaitMs > LONGEST_WAIT_MS) refuse("maxWait", "can't be longer than 600s: changes would wait as long");
  if (maxWaitMs < quietMs)
    refuse("maxWait", `can't be shorter than gloo.xds.batching.quiet, which is ${quietMs / 1000}s`);
  if (maxWaitMs > 0 && quietMs === 0) refuse("maxWait", "has no effect without gloo.xds.batching.quiet: set that, too");
  return { quietMs, maxWaitMs };
}

function positive(duration: Duration | undefined, field: string): number | undefined {
  const milliseconds = durationMs(duration);
  if (milliseconds === undefined || milliseconds > 0) return milliseconds;
  const path = `gloo.xds.${field}`;
  throw new EpoxyError("invalid", `${path} has to be longer than 0s; leave it out for the default`, at(path));
}

const at = (path: string) => ({ location: { source: "Settings", path } });

function readTls(xds: GlooOptions_XdsOptions | undefined, dataDirectory: string): TlsFiles | undefined {
  const tls = xds?.tls;
  if (tls === undefined) return undefined;
  if (tls.certFile === "" || tls.keyFile === "") {
    const missing = tls.certFile === "" ? "certFile" : "keyFile";
    throw new EpoxyError(
      "invalid",
      `gloo.xds.tls.${missing} is missing: certFile and keyFile belong together`,
      at(`gloo.xds.tls.${missing}`),
    );
  }
  return {
    certFile: resolve(dataDirectory, tls.certFile),
    keyFile: resolve(dataDirectory, tls.keyFile),
    clientCaFile: tls.clientCaFile === "" ? undefined : resolve(dataDirectory, tls.clientCaFile),
    requireClientCertificate: !tls.clientCertificateOptional,
  };
}

function readClients(xds: GlooOptions_XdsOptions | undefined, dataDirectory: string): readonly ClientRule[] {
  return (xds?.clients ?? []).map(({ san, commonName, tokenFile, roles, nodeIds }, index) => {
    if (san === "" && commonName === "" && tokenFile === "") {
      const path = `gloo.xds.clients[${index}]`;
      throw new EpoxyError(
        "invalid",
        `${path} fits nobody: say who it is about by san, commonName or tokenFile`,
        at(path),
      );
    }
    return {
      san: san || undefined,
      commonName: commonName || undefined,
      tokenFile: tokenFile === "" ? undefined : resolve(dataDirectory, tokenFile),
      roles: roles.length === 0 ? ["*"] : roles,
      nodeIds: nodeIds.length === 0 ? undefined : nodeIds,
    };
  });
}
