import { Agent, type RequestOptions } from "node:https";
import type { Agent as HttpAgent } from "node:http";
import { readFile } from "node:fs/promises";
import { EpoxyError } from "../errors/index.ts";
import type { KubernetesOptions } from "./kube-options.ts";
import { type LoadedConfig, loadKubeconfig } from "./load-kubeconfig.ts";

/** How to reach the API server at this moment. */
export interface KubeConnection {
  /** `https://127.0.0.1:6443`, perhaps with a path. */
  readonly server: URL;
  /** With the certificates, and the proxy if there is one; connections are kept. */
  readonly agent: HttpAgent;
  /** Who asks. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the context or, in a Pod, of its service account. */
  readonly namespace: string | undefined;
}

/** Follows what credentials do: tokens are renewed, certificates replaced, kubeconfigs written anew. */
export interface KubeCredentials {
  /** @throws `invalid` where there is no usable configuration; `unavailable` where a plugin for credentials fails */
  connection(): Promise<KubeConnection>;
  /** The API server took them for wrong: all is read anew by the next call. */
  distrust(): void;
  close(): void;
}

/** How long credentials are taken as they are. Whatever gives short-lived ones renews them minutes before their end. */
const TRUST_MS = 10_000;

export function kubeCredentials(options: KubernetesOptions): KubeCredentials {
  let config: Promise<LoadedConfig> | undefined;
  let current: { readonly connection: Promise<KubeConnection>; readonly until: number } | undefined;
  let kept: { readonly identity: string; readonly agent: Agent } | undefined;

  async function connect(): Promise<KubeConnection> {
    const loaded = await (config ??= loadKubeconfig(options));
    const request: RequestOptions = {};
    const headers: Record<string, string> = {};
    try {
      await loaded.apply(request);
      for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = String(value);
      if (loaded.tokenFile !== undefined)
        headers["authorization"] = `Bearer ${(await readFile(loaded.tokenFile, "utf8")).trim()}`;
    } catch (cause) {
      const text = `no credentials for Kubernetes at ${loaded.server}: ${(cause as Error).message}`;
      throw new EpoxyError("unavailable", text, { cause });
    }
    if (typeof request.auth === "string")
      headers["authorization"] = `Basic ${Buffer.from(request.auth).toString("base64")}`;
    const agent = loaded.proxyUrl ? (request.agent as HttpAgent) : ownAgent(request);
    return { server: new URL(loaded.server), agent, headers, namespace: loaded.namespace };
  }

  /** The library's own agent closes its connections after each request. */
  function ownAgent({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions): Agent {
    const tls = { ca, cert, key, rejectUnauthorized, servername };
    const identity = JSON.stringify([ca, cert, key, rejectUnauthorized, servername]);
    if (kept?.identity !== identity) {
      const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
      // What runs over the former connections may end; new calls have the new certificates.
      kept = { identity, agent: new Agent({ keepAlive: true, keepAliveMsecs: 10_000, maxFreeSockets: 8, ...given }) };
    }
    return kept.agent;
  }

  return {
    connection() {
      if (current === undefined || performance.now() >= current.until) {
        const connection = connect();
        current = { connection, until: performance.now() + TRUST_MS };
        connection.catch(() => {
          current = config = undefined;
        });
      }
      return current.connection;
    },
    distrust() {
      current = config = undefined;
    },
    close() {
      kept?.agent.destroy();
    },
  };
}
