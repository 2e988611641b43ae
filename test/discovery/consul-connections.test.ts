import { expect, test } from "vitest";
import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { kinds, UpstreamKind } from "../../generated/sdk/index.ts";
import { createGraph } from "../../src/collections/index.ts";
import { createConsulClient } from "../../src/consul/index.ts";
import {
  type ConsulEndpoint,
  createConsulEndpointDiscovery,
  createConsulUpstreamDiscovery,
} from "../../src/discovery/index.ts";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import { startConsul } from "../support/consul.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

test("one client that stores all kinds and follows as many services as it can stays within Consul's limit of 200 connections", async () => {
  await using consul = await startConsul();
  const names = Array.from({ length: 90 }, (_, i) => `service-${i}`);
  for (const name of names) await consul.register({ Name: name, Address: "10.0.0.1", Port: 1 });
  await using proxy = await startTcpProxy({ port: consul.port });
  await using client = createConsulClient({ address: `127.0.0.1:${proxy.port}` });
  await using storage = createConsulStorage({ client });
  const stop = new AbortController();
  const states: string[] = [];
  for (const kind of kinds) {
    for (let i = 0; i < 3; i++) {
      const drain = async (): Promise<void> => {
        for await (const { type } of storage.client(kind).watch({ signal: stop.signal })) states.push(type);
      };
      drain().catch(() => {});
    }
  }
  await waitFor(() => states.length >= kinds.length * 3);

  await using upstreamDiscovery = createConsulUpstreamDiscovery({
    client,
    upstreams: storage.client(UpstreamKind),
    namespace: "gloo-system",
  });
  const stored = await waitFor(async () => {
    const { items } = await storage.client(UpstreamKind).list();
    return items.length > names.length && items;
  });
  expect(upstreamDiscovery.waitingFor()).toEqual([]);
  const graph = createGraph();
  const upstreams = graph.source<Upstream>("upstreams");
  const endpoints = graph.source<readonly ConsulEndpoint[]>("endpoints");
  for (const upstream of stored.slice(1)) upstreams.set(`gloo-system/${upstream.metadata?.name}`, upstream);
  upstreams.markSynced();
  await using discovery = createConsulEndpointDiscovery({ client, upstreams, endpoints });
  await waitFor(() => endpoints.synced && endpoints.keys().length === names.length);
  expect(discovery.waitingFor()).toEqual([]);
  // All of them wait at the same time, and calls have connections left.
  await consul.register({ Name: "service-7", ID: "other", Address: "10.0.0.2", Port: 1 });
  await waitFor(() => endpoints.get("gloo-system/service-7")?.length === 2, { timeout: 1_000 });
  expect(proxy.peak()).toBeGreaterThan(names.length);
  expect(proxy.peak()).toBeLessThanOrEqual(136);
  stop.abort();
});
