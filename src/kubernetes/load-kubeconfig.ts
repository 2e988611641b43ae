import { existsSync, readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { load } from "js-yaml";
import { EpoxyError } from "../errors/index.ts";
import type { KubernetesOptions } from "./kube-options.ts";

/** A kubeconfig, or a Pod's service account, with what the library leaves out. */
export interface LoadedConfig {
  readonly server: string;
  readonly proxyUrl: string | undefined;
  readonly namespace: string | undefined;
  /** Read anew each time: whoever renews the token writes it there. */
  readonly tokenFile: string | undefined;
  /** Sets certificates and headers. May start a plugin for credentials. */
  apply(request: RequestOptions): Promise<void>;
}

/** @throws `invalid`, with what to do */
export async function loadKubeconfig(options: KubernetesOptions): Promise<LoadedConfig> {
  // The library is large: it is loaded when a cluster is used for the first time.
  const { KubeConfig } = await import("@kubernetes/client-node").catch((cause: unknown) => {
    const text = `Kubernetes needs Node 22.19 or newer; this is ${process.versions.node}: ${(cause as Error).message}`;
    throw new EpoxyError("invalid", text, { cause });
  });
  const config = new KubeConfig();
  const { kubeconfig, context, podRoot = "" } = options;
  try {
    if (kubeconfig) config.loadFromFile(kubeconfig);
    else config.loadFromDefault();
    // The library looks for a service account at the root only.
    if (speaksForNobody(config) && existsSync(`${podRoot}${TOKEN_PATH}`)) config.loadFromCluster(podRoot);
  } catch (cause) {
    throw noCluster(options, (cause as Error).message, cause);
  }
  if (context) {
    if (config.getContextObject(context) === null) {
      const known = config.getContexts().map(({ name }) => name);
      throw noCluster(options, `it has no context ${context}; there are ${known.join(", ") || "none"}`);
    }
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw noCluster(options, "it names no cluster for its context");
  if (speaksForNobody(config) && !kubeconfig)
    throw noCluster(options, "there is neither a kubeconfig nor a Pod's service account");
  if (cluster.name === IN_CLUSTER && !process.env["KUBERNETES_SERVICE_HOST"])
    throw noCluster(options, "there is a Pod's service account, but KUBERNETES_SERVICE_HOST is not set");
  const user = config.getCurrentUser();
  const tokenFile: unknown = user?.authProvider?.config?.["tokenFile"];
  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    tokenFile:
      typeof tokenFile === "string" ? tokenFile : user === null ? undefined : tokenFileOf(user.name, kubeconfig),
    apply: (request) => config.applyToHTTPSOptions(request),
  };
}

const TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/** What the library calls the cluster of a service account. */
const IN_CLUSTER = "inCluster";

/** What the library falls back to. */
function speaksForNobody(config: KubeConfig): boolean {
  const cluster = config.getCurrentCluster();
  return cluster?.server === "http://localhost:8080" && cluster.name === "cluster";
}

/** A user's `tokenFile`, which the library doesn't know. */
function tokenFileOf(user: string, kubeconfig: string | undefined): string | undefined {
  const named = kubeconfig ?? process.env["KUBECONFIG"];
  const paths = named ? named.split(kubeconfig ? "\0" : delimiter) : [join(homedir(), ".kube", "config")];
  for (const path of paths.filter((text) => text !== "")) {
    let users: unknown;
    try {
      users = (load(readFileSync(path, "utf8")) as { readonly users?: unknown } | undefined)?.users;
    } catch {
      // There is none: it is a Pod's service account.
      continue;
    }
    const entries = (Array.isArray(users) ? users : []) as readonly NamedUser[];
    const file = entries.find(({ name }) => name === user)?.user?.tokenFile;
    if (file) return resolve(dirname(path), file);
  }
  return undefined;
}

interface NamedUser {
  readonly name?: string;
  readonly user?: { readonly tokenFile?: string };
}

function noCluster({ kubeconfig }: KubernetesOptions, reason: string, cause?: unknown): EpoxyError {
  const from = kubeconfig ?? process.env["KUBECONFIG"] ?? "~/.kube/config";
  // What the library says of YAML quotes the file, which holds credentials.
  const [told = ""] = reason.split("\n");
  const text = `no cluster from the kubeconfig ${from}: ${told}. Set KUBECONFIG to the path of another, or choose a context of it`;
  return new EpoxyError("invalid", text, { cause });
}
