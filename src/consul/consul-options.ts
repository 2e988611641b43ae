import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { EpoxyError } from "../errors/index.ts";

/** Certificates for a Consul that is reached over TLS: paths of PEM files. */
export interface ConsulTls {
  /** The authority that signed Consul's certificate; default: those that Node knows. */
  readonly ca?: string | undefined;
  /** A folder of such authorities' certificates. */
  readonly caPath?: string | undefined;
  /** The client's certificate and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Don't check Consul's certificate. */
  readonly insecure?: boolean | undefined;
}

/**
 * How Consul's answers are read: `default` by the leader, `consistent` by a leader that has asked the others, `stale` by any
 * server (https://developer.hashicorp.com/consul/api-docs/features/consistency).
 */
export type ConsulConsistency = "default" | "consistent" | "stale";

export interface ConsulOptions {
  /** `host`, `host:port` or a URL. Default `127.0.0.1:8500`. */
  readonly address?: string | undefined;
  /** Default http, or https where `tls` is given. */
  readonly scheme?: "http" | "https" | undefined;
  /** Default: the agent's own. */
  readonly datacenter?: string | undefined;
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: ConsulTls | undefined;
  /** Milliseconds that a call may take. Default 10,000. */
  readonly timeout?: number | undefined;
  /**
   * Milliseconds that a blocking query waits for a change; default 30,000. It also bounds how long a connection that died
   * silently stays unnoticed.
   */
  readonly waitTime?: number | undefined;
}

/** Where Consul's HTTP API is. */
export interface ConsulUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

/** @throws `invalid` */
export function consulUrl(options: ConsulOptions): ConsulUrl {
  const address = options.address || "127.0.0.1:8500";
  const scheme = options.scheme ?? (options.tls === undefined ? "http" : "https");
  const text = address.includes("://") ? address : `${scheme}://${address}`;
  if (!URL.canParse(text)) {
    throw new EpoxyError(
      "invalid",
      `Consul's address ${JSON.stringify(address)} is not host:port, such as 127.0.0.1:8500`,
    );
  }
  const url = new URL(text);
  const secure = url.protocol === "https:";
  // The port of the URL is empty where it is the scheme's own.
  const given = /:(\d+)\/*$/.exec(text)?.[1];
  return { secure, host: url.hostname.replace(/^\[|\]$/g, ""), port: given === undefined ? 8500 : Number(given) };
}

/** Reads the certificates. @throws `invalid` with the path of a file that can't be read */
export function readTls(tls: ConsulTls | undefined): SecureContextOptions & { rejectUnauthorized?: boolean } {
  if (tls === undefined) return {};
  const authorities = [tls.ca, ...filesIn(tls.caPath)].map((path) => readPem(path, "the CA's certificate"));
  const ca = authorities.filter((pem) => pem !== undefined);
  const cert = readPem(tls.cert, "the client's certificate");
  const key = readPem(tls.key, "the client's key");
  return {
    ...(ca.length > 0 && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(tls.insecure === true && { rejectUnauthorized: false }),
  };
}

function readPem(path: string | undefined, what: string): Buffer | undefined {
  if (path === undefined || path === "") return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new EpoxyError("invalid", `${what} for Consul can't be read: ${path}`, { cause });
  }
}

function filesIn(folder: string | undefined): readonly string[] {
  if (folder === undefined || folder === "") return [];
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => join(folder, name));
  } catch (cause) {
    throw new EpoxyError("invalid", `the CAs' certificates for Consul can't be read: ${folder}`, { cause });
  }
}
