import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesClient } from "../../kubernetes/index.ts";
import { followScopes, type NamespaceChoice } from "../../storage/kubernetes/index.ts";

export interface WatchedNamespacesOptions {
  /** By name; empty: all, or those that `choice` says. */
  readonly names: readonly string[];
  /** By labels. */
  readonly choice: NamespaceChoice | undefined;
  /** Which cluster has the labels; undefined: none, so that labels choose nothing. */
  readonly client: KubernetesClient | undefined;
}

/** Which namespaces are read, as it is at each moment. */
export interface WatchedNamespaces {
  /** True while nobody can tell. */
  has(namespace: string): boolean;
  close(): Promise<void>;
}

const RETRY_MS = 2_000;

/** Follows the labels of namespaces where they matter. What is known stays while the API server doesn't answer. */
export function watchedNamespaces({ names, choice, client }: WatchedNamespacesOptions): WatchedNamespaces {
  let known: ReadonlySet<string> | undefined = names.length === 0 ? undefined : new Set(names);
  const closing = new AbortController();
  const { signal } = closing;

  async function follow(of: KubernetesClient, by: NamespaceChoice): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const scopes of followScopes(of, by, signal))
          known = new Set(scopes.map(({ namespace = "" }) => namespace));
      } catch {
        // The sources of the resources meet the same failure, and tell.
      }
      await sleep(RETRY_MS * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  }
  const running = choice === undefined || client === undefined ? Promise.resolve() : follow(client, choice);
  return {
    has: (namespace) => known?.has(namespace) ?? true,
    async close() {
      closing.abort();
      await running;
    },
  };
}
