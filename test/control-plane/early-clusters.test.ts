import { expect, test } from "vitest";
import { GatewayKind, VirtualServiceKind } from "../../generated/sdk/index.ts";
import type { VirtualService } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import { createGraph } from "../../src/collections/index.ts";
import { createEarlyClusters } from "../../src/control-plane/early-clusters.ts";
import type { ClusterResource } from "../../src/control-plane/envoy-graph.ts";
import { holdFirstFlush } from "../../src/control-plane/first-flush.ts";
import { fromWatch } from "../../src/snapshot/index.ts";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { createXdsCache, resourceFromBytes, typeUrls } from "../../src/xds/index.ts";

const namespace = "gloo-system";
const KEY = "gloo-system~gateway-proxy";
const count = 500;

function virtualService(index: number): VirtualService {
  const destination = { name: `us-${index}`, namespace };
  return VirtualServiceKind.type.codec.fromPartial({
    metadata: { name: `vs-${index}`, namespace },
    virtualHost: {
      domains: [`d${index}`],
      routes: [
        {
          action: {
            $case: "routeAction",
            value: {
              destination: {
                $case: "single",
                value: { destinationType: { $case: "upstream", value: destination } },
              },
            },
          },
        },
      ],
    },
  });
}

/** A start with these gateways and 500 virtual services, each of which leads to a cluster; one cluster has endpoints of its own, one no route. */
async function start(proxyNames: readonly string[], isWaiting: boolean) {
  const storage = createMemoryStorage();
  const first = holdFirstFlush(setImmediate);
  const graph = createGraph({ schedule: first.schedule });
  const cache = createXdsCache();
  const clusters = graph.source<ClusterResource>("clusters");
  const early = createEarlyClusters((key) => isWaiting && key === KEY);
  const there = new Set<string>();
  const all = Promise.withResolvers<void>();
  const onThere = (kind: string) => () => there.add(kind).size === 2 && all.resolve();
  await storage
    .client(GatewayKind)
    .write(
      GatewayKind.type.codec.fromPartial({ metadata: { name: "gateway", namespace }, proxyNames: [...proxyNames] }),
    );
  for (let index = 0; index < count; index++) await storage.client(VirtualServiceKind).write(virtualService(index));
  for (const name of [...Array(count).keys(), "unused"].map((it) => `us-${it}_${namespace}`)) {
    const edsServiceName = name.startsWith("us-7_") ? name : undefined;
    clusters.set(name, { resource: resourceFromBytes(typeUrls.cluster, name, Buffer.from(name)), edsServiceName });
  }
  const watches = [GatewayKind, VirtualServiceKind].map((kind) =>
    fromWatch<any>(graph, kind.plural, early.hold<any>(storage.client<any>(kind), onThere(kind.kind))),
  );
  await all.promise;
  const options = { routeTables: graph.source("tables"), upstreamGroups: graph.source("groups"), clusters };
  /** How many virtual services the graph had when the clusters were sent, and after. */
  const known: number[] = [];
  const sending = early.send({
    ...options,
    ...{ graph, writeNamespace: namespace, flush: first.release },
    cache: {
      ...cache,
      apply(key, change) {
        known.push(watches[1]?.collection.size ?? -1);
        cache.apply(key, change);
      },
    },
  });
  await sending;
  await new Promise(setImmediate);
  await graph.settled();
  known.push(watches[1]?.collection.size ?? -1);
  await Promise.all(watches.map((watch) => watch.close()));
  return { cache, known };
}

test("a proxy that waits is given the clusters that virtual services lead to before these are translated, and nothing else is answered", async () => {
  const { cache, known } = await start([], true);
  expect(known).toEqual([0, count]);
  const [dump, ...others] = cache.dump(KEY);
  expect(others).toEqual([]);
  expect(dump).toMatchObject({ typeUrl: typeUrls.cluster, complete: false });
  const names = Object.keys(dump?.resources ?? {});
  expect(names).toHaveLength(count - 1);
  expect(names).not.toContain(`us-unused_${namespace}`);
  expect(names).not.toContain(`us-7_${namespace}`);
});

test("where nobody waits, or several proxies share the routes, all is translated at once", async () => {
  for (const { cache, known } of [await start([], false), await start(["gateway-proxy", "other"], true)]) {
    expect(known).toEqual([count]);
    expect(cache.keys()).toEqual([]);
  }
});
