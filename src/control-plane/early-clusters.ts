import { setTimeout as sleep } from "node:timers/promises";
import { GatewayKind, VirtualServiceKind } from "../../generated/sdk/index.ts";
import type { Gateway } from "../../generated/proto/epoxy/gateway/v1/gateway.ts";
import type { Collection, Graph } from "../collections/index.ts";
import { clusterName } from "../envoy/index.ts";
import { proxyNamesOf } from "../gateway/index.ts";
import type { Ref, Resource } from "../resources/index.ts";
import type { WatchEvent } from "../storage/index.ts";
import { typeUrls, type XdsCache, type XdsResource } from "../xds/index.ts";
import type { ClusterResource } from "./envoy-graph.ts";
import { snapshotKeyOf } from "./fragment-keys.ts";
import type { HoldState } from "./sources.ts";

/** So many clusters take Envoy long enough that it is worth a flush more. */
const WORTH = 500;
/** Milliseconds that a response of thousands of clusters takes to be made and to leave, before a long flush begins. */
const LEAVING_MS = 30;

export interface EarlyClustersOptions {
  readonly graph: Graph;
  readonly cache: XdsCache;
  readonly clusters: Collection<ClusterResource>;
  /** What may lead to clusters, beside the virtual services. */
  readonly routeTables: Collection<unknown>;
  readonly upstreamGroups: Collection<unknown>;
  /** Of Proxies. */
  readonly writeNamespace: string;
  /** Lets the flushes of the graph go. */
  flush(): void;
}

/** A start that lets proxies begin with their clusters while everything else is still being translated. */
export interface EarlyClusters {
  readonly hold: HoldState;
  /** To be called once all sources have told what there is. */
  send(options: EarlyClustersOptions): Promise<void>;
  /** Holds nothing any more. Idempotent. */
  close(): void;
}

/**
 * Taking thousands of clusters is half of what a start costs Envoy, and it has nothing else to do while virtual services are translated. So
 * gateways and virtual services are held back for one flush, in which the clusters are made, and a proxy that is waiting is given those
 * that the destinations in them name. What it is given is exact when all is translated: what is missing is added then, what no route reaches
 * removed. Until then nothing but these clusters is answered, so no traffic can meet a half-built configuration.
 *
 * @param awaited whether proxies of this snapshot key are waiting
 */
export function createEarlyClusters(awaited: (snapshotKey: string) => boolean): EarlyClusters {
  const gate = Promise.withResolvers<void>();
  let isHolding = true;
  let gateways: readonly Gateway[] = [];
  let virtualServices: readonly Resource[] = [];

  async function* holdState<T extends Resource>(
    events: AsyncIterable<WatchEvent<T>>,
    onState: (items: readonly T[]) => void,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    for await (const event of events) {
      if (event.type === "state" && isHolding) {
        onState(event.items);
        await gate.promise;
      }
      yield event;
    }
  }

  /** The only proxy that there are gateways for, if it is waiting. Of several, only the routes say who reaches what. */
  function onlyProxy(namespace: string): string | undefined {
    const [name, ...others] = new Set(gateways.flatMap(proxyNamesOf));
    const key = name === undefined || others.length > 0 ? undefined : snapshotKeyOf({ namespace, name });
    return key !== undefined && awaited(key) ? key : undefined;
  }

  /** Hands on what was held. */
  function release(): void {
    isHolding = false;
    gateways = virtualServices = [];
    gate.resolve();
  }

  async function send(options: EarlyClustersOptions): Promise<void> {
    const { graph, cache, clusters, flush } = options;
    const key = onlyProxy(options.writeNamespace);
    if (key === undefined || virtualServices.length < WORTH) {
      release();
      flush();
      return;
    }
    flush();
    await graph.settled();
    const upsert: XdsResource[] = [];
    for (const name of destinations([virtualServices, options.routeTables.list(), options.upstreamGroups.list()])) {
      const found = clusters.get(name);
      // Others become warm by their endpoints, which aren't served yet.
      if (found !== undefined && found.edsServiceName === undefined) upsert.push(found.resource);
    }
    cache.apply(key, { upsert, begin: [typeUrls.cluster] });
    await sleep(LEAVING_MS);
    release();
  }

  return {
    hold(client, onThere) {
      const hold = (onState: (items: readonly any[]) => void): typeof client => ({
        ...client,
        watch: (options) =>
          holdState(client.watch(options), (items) => {
            onState(items);
            onThere();
          }),
      });
      if (client.kind.kind === GatewayKind.kind) return hold((items) => (gateways = items));
      if (client.kind.kind === VirtualServiceKind.kind) return hold((items) => (virtualServices = items));
      return client;
    },
    send,
    close: release,
  };
}

/** Names of the clusters of all Upstreams that stand as destinations anywhere in a value. */
function destinations(value: unknown, found: Set<string> = new Set()): ReadonlySet<string> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return found;
  const { $case, value: ref } = value as { $case?: unknown; value?: Partial<Ref> };
  if ($case === "upstream" && ref?.name !== undefined && ref.namespace !== undefined) {
    found.add(clusterName({ namespace: ref.namespace, name: ref.name }));
    return found;
  }
  for (const part of Object.values(value)) destinations(part, found);
  return found;
}
