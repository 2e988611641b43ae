import { setTimeout as sleep } from "node:timers/promises";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import {
  type ConsulClient,
  type ConsulConsistency,
  createResetGuard,
  createStoreIdentity,
  followQuery,
} from "../../consul/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import { createReconciler } from "../../snapshot/index.ts";
import { followDatacenters } from "../consul-datacenters.ts";
import type { Discovery } from "../discovery.ts";
import { consulOwnerLabels, discoveredUpstream, mergeCatalogs, refreshUpstream } from "./discovered-upstream.ts";

export interface ConsulUpstreamDiscoveryOptions {
  readonly client: ConsulClient;
  /** Where Upstreams are kept. */
  readonly upstreams: Parameters<typeof createReconciler<Upstream>>[0];
  /** The namespace that they are written to. */
  readonly namespace: string;
  /** Datacenters to look in. Empty: all. */
  readonly dataCenters?: readonly string[] | undefined;
  /** Only services with at least one of these tags. Empty: all. */
  readonly serviceTagsAllowlist?: readonly string[] | undefined;
  readonly consistency?: ConsulConsistency | undefined;
  /** Let Consul's agent answer from its cache. Default false. */
  readonly useCache?: boolean | undefined;
  /** First part of the keys in Consul; default `gloo`. */
  readonly rootKey?: string | undefined;
  /** Milliseconds between full comparisons with what is stored, which brings back what was deleted by hand. Default 60,000. */
  readonly resyncInterval?: number | undefined;
}

type Catalog = Readonly<Record<string, readonly string[]>>;

/**
 * Writes an Upstream for each service in Consul, named like it and labelled `discovered_by: consulplugin`, and deletes it when the
 * service is gone from all datacenters. What users add to one is kept. While a datacenter fails, its services stay.
 */
export function createConsulUpstreamDiscovery(options: ConsulUpstreamDiscoveryOptions): Discovery {
  const { client, namespace, resyncInterval = 60_000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  /** By datacenter; undefined: not known yet. */
  const catalogs = new Map<string, Catalog | undefined>();
  /** Services by datacenter that Consul lost and did not show since. */
  const held = new Map<string, Map<string, readonly string[]>>();
  const watches = new Map<string, AbortController>();
  /** What is wrong, by where. */
  const problems = new Map<string, string>([["Consul", "Consul's datacenters are not known yet"]]);
  let wake = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => wake.resolve(), { once: true });

  const identity = createStoreIdentity(client, options.rootKey || "gloo");
  const guard = createResetGuard(identity, signal, () => {
    held.clear();
    for (const datacenter of watches.keys()) restart(datacenter);
  });

  async function followCatalog(datacenter: string, watchSignal: AbortSignal): Promise<void> {
    const { consistency, useCache } = options;
    const ask = (index: number | undefined) =>
      client.services({ signal: watchSignal, index, datacenter, consistency, useCache });
    // Lasts until an answer could be judged: one that fails must not make the next one trusted.
    let doubt: { wentBack: boolean } | undefined;
    for await (const event of followQuery(ask, watchSignal)) {
      if (event.type === "failed") {
        problems.set(datacenter, event.error.message);
        wake.resolve();
        continue;
      }
      if (event.isFirst || event.wentBack) doubt = { wentBack: event.wentBack || doubt?.wentBack === true };
      try {
        catalogs.set(datacenter, await accept(datacenter, event.value, doubt, watchSignal));
        problems.delete(datacenter);
        doubt = undefined;
      } catch (error) {
        problems.set(datacenter, (error as Error).message);
      }
      wake.resolve();
    }
  }

  /** The catalog to go by. */
  async function accept(
    datacenter: string,
    now: Catalog,
    doubt: { readonly wentBack: boolean } | undefined,
    watchSignal: AbortSignal,
  ): Promise<Catalog> {
    if (Object.keys(now).length === 0) {
      const text = `Consul at ${client.address} shows no service, not even itself: its token may not read services; docs/consul.md prints the policy that is needed`;
      throw new EpoxyError("unavailable", text);
    }
    const missing = Object.entries(catalogs.get(datacenter) ?? {}).filter(([name]) => now[name] === undefined);
    if (missing.length > 0 && doubt !== undefined) {
      const isLost = await guard.isLost(doubt.wentBack, watchSignal);
      held.set(datacenter, new Map(isLost ? missing : []));
    }
    const kept = held.get(datacenter);
    for (const name of kept?.keys() ?? []) if (now[name] !== undefined) kept?.delete(name);
    return { ...Object.fromEntries(kept ?? []), ...now };
  }

  /** Of a datacenter that doesn't answer, the services that Upstreams tell of are as good as known. */
  async function recall(datacenter: string): Promise<Catalog> {
    const { items } = await options.upstreams.list({
      namespaces: [namespace],
      selector: { matchLabels: consulOwnerLabels },
      signal,
    });
    const services = items.flatMap(({ upstreamType }) =>
      upstreamType?.$case === "consul" && upstreamType.value.dataCenters.includes(datacenter) ? upstreamType.value : [],
    );
    return Object.fromEntries(services.map(({ serviceName, serviceTags }) => [serviceName, serviceTags]));
  }

  function restart(datacenter: string): void {
    watches.get(datacenter)?.abort();
    const controller = new AbortController();
    watches.set(datacenter, controller);
    void followCatalog(datacenter, AbortSignal.any([controller.signal, signal]));
  }

  const reconciler = createReconciler(options.upstreams, {
    ownerLabels: consulOwnerLabels,
    namespaces: [namespace],
    transition: refreshUpstream,
  });

  async function reconcile(): Promise<void> {
    const known = new Map<string, Catalog>();
    for (const [datacenter, catalog] of catalogs) {
      if (catalog !== undefined) known.set(datacenter, catalog);
      else if (problems.has(datacenter)) known.set(datacenter, await recall(datacenter));
    }
    // What is missing may be in a datacenter that is about to answer.
    if (known.size < catalogs.size || [...catalogs.values()].every((catalog) => catalog === undefined)) return;
    const services = mergeCatalogs(known, options.serviceTagsAllowlist ?? []);
    const desired = services.map((service) => discoveredUpstream(service, namespace));
    const { errors } = await reconciler.reconcile(desired, { signal, onErrors: "return" });
    problems.delete("storage");
    for (const { error } of errors) problems.set("storage", error.message);
  }

  async function reconcileForever(): Promise<void> {
    let pause = 100;
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      let next = resyncInterval;
      try {
        await reconcile();
        pause = 100;
      } catch (error) {
        problems.set("storage", (error as Error).message);
        pause = Math.min(pause * 2, 5_000);
        next = pause;
      }
      const timeout = new AbortController();
      await Promise.race([wake.promise, sleep(next, undefined, { signal: timeout.signal }).catch(() => {})]);
      timeout.abort();
    }
  }

  void followDatacenters(
    client,
    options.dataCenters ?? [],
    signal,
    (found) => {
      problems.delete("Consul");
      for (const [datacenter, watch] of watches) {
        if (found.includes(datacenter)) continue;
        watch.abort();
        watches.delete(datacenter);
        catalogs.delete(datacenter);
        problems.delete(datacenter);
      }
      for (const datacenter of found) {
        if (watches.has(datacenter)) continue;
        catalogs.set(datacenter, undefined);
        restart(datacenter);
      }
      wake.resolve();
    },
    (error) => problems.set("Consul", error.message),
  );
  const running = reconcileForever();

  const close = async (): Promise<void> => {
    closing.abort();
    await running;
  };
  return {
    waitingFor: () => [...(guard.problem === undefined ? [] : [guard.problem.message]), ...problems.values()],
    close,
    [Symbol.asyncDispose]: close,
  };
}
