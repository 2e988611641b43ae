import { Proxy } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Listener } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Collection, Graph } from "../collections/index.ts";
import { createReconciler } from "../snapshot/index.ts";
import type { ResourceClient } from "../storage/index.ts";
import type { Logger } from "./logger.ts";

export interface Fragments {
  readonly listeners: Collection<ProxyFragment>;
  readonly virtualHosts: Collection<ProxyFragment>;
}

const RETRY_MS = 2_000;

/** `namespace/name` of the Proxy that a fragment is of. */
export const proxyKeyOf = ({ proxy }: ProxyFragment): string => `${proxy?.namespace}/${proxy?.name}`;

/** Of the listener that a fragment is, or is in. */
export const listenerKeyOf = (fragment: ProxyFragment): string => `${proxyKeyOf(fragment)}|${fragment.listenerName}`;

/** A Proxy from the fragments that are its listeners; undefined: there are none. */
export function assembleProxy(
  listeners: readonly ProxyFragment[],
  hostsOf: (listenerKey: string) => readonly ProxyFragment[],
): Proxy | undefined {
  const first = listeners[0]?.proxy;
  if (first === undefined) return undefined;
  const whole = listeners.flatMap((fragment): Listener[] => {
    const type = fragment.listener?.listenerType;
    if (fragment.listener === undefined || type?.$case !== "httpListener") return [];
    const hosts = hostsOf(listenerKeyOf(fragment));
    const value = { ...type.value, virtualHosts: hosts.flatMap((host) => host.virtualHosts) };
    return [{ ...fragment.listener, listenerType: { $case: "httpListener", value } }];
  });
  const labels = listeners[0]?.owner?.kind === "Gateway" ? { created_by: "gateway" } : {};
  const metadata = { name: first.name, namespace: first.namespace, labels };
  return { ...Proxy.fromPartial({ metadata }), listeners: whole };
}

/** Whole Proxies, put together from what gateways made. Those that were only taken apart from stored ones aren't among them. */
export function assembleProxies(graph: Graph, { listeners, virtualHosts }: Fragments): Collection<Proxy> {
  const hostsByListener = graph.groupBy("proxies/virtual-hosts", virtualHosts, (fragment) => [listenerKeyOf(fragment)]);
  const byProxy = graph.groupBy("proxies/listeners", listeners, (fragment) =>
    fragment.owner?.kind === "Gateway" ? [proxyKeyOf(fragment)] : [],
  );
  return graph.derive("proxies/assembled", byProxy, (group, _key, lookup) =>
    assembleProxy(group.values, (key) => lookup.get(hostsByListener, key)?.values ?? []),
  );
}

/** Keeps the stored Proxies equal to those that gateways make, for other processes to serve and people to look at. */
export function persistProxies(
  proxies: Collection<Proxy>,
  client: ResourceClient<Proxy>,
  namespace: string,
  logger: Logger,
): { close(): Promise<void> } {
  const reconciler = createReconciler(client, { ownerLabels: { created_by: "gateway" }, namespaces: [namespace] });
  const closing = new AbortController();
  let wanted = false;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const run = async (): Promise<void> => {
    while (wanted && !closing.signal.aborted) {
      wanted = false;
      const { errors } = await reconciler.reconcile(proxies.list(), { signal: closing.signal, onErrors: "return" });
      for (const { ref, error } of errors)
        logger.warn({ proxy: ref.name, err: error }, `proxy not stored: ${error.message}`);
      if (errors.length > 0) later();
    }
  };
  const later = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      start();
    }, RETRY_MS).unref();
  };
  const start = (): void => {
    wanted = true;
    running ??= run()
      .catch((error: unknown) => {
        if (closing.signal.aborted) return;
        logger.warn({ err: error }, `proxies not stored: ${error instanceof Error ? error.message : String(error)}`);
        later();
      })
      .finally(() => {
        running = undefined;
        if (wanted && timer === undefined && !closing.signal.aborted) start();
      });
  };
  const end = proxies.subscribe((_changes, { synced }) => synced && start(), { initial: true });
  return {
    async close() {
      end();
      clearTimeout(timer);
      closing.abort();
      await running;
    },
  };
}
