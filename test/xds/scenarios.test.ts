import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createXdsCache, createXdsServer, type XdsCache, type XdsServer, typeUrls } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ClientStream, connect, type XdsClient } from "./support/grpc-client.ts";
import { type Answer, type Ask, resources } from "./support/messages.ts";

/*
 * The scenarios of the xDS conformance harness (github.com/ii/xds-test-harness), by the names that its feature files give them: 98 examples
 * over four variants. Where the harness sleeps, there are barriers here: a request counts when the server has counted it, and "nothing was
 * sent" is shown by what is sent next.
 */

const types = {
  CDS: typeUrls.cluster,
  LDS: typeUrls.listener,
  RDS: typeUrls.route,
  EDS: typeUrls.endpoint,
};
type TypeName = keyof typeof types;
const services: Readonly<Record<TypeName, string>> = {
  CDS: "cluster.v3.ClusterDiscoveryService/StreamClusters",
  LDS: "listener.v3.ListenerDiscoveryService/StreamListeners",
  RDS: "route.v3.RouteDiscoveryService/StreamRoutes",
  EDS: "endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
};
/** Clusters and listeners are sent whole in state of the world; of the others only what changed. */
const isWhole = (type: TypeName): boolean => type === "CDS" || type === "LDS";

const ALL = ["CDS", "LDS", "RDS", "EDS"] as const;
const variants = [
  { mode: "sotw", aggregated: false },
  { mode: "sotw", aggregated: true },
  { mode: "delta", aggregated: false },
  { mode: "delta", aggregated: true },
] as const;
/** Those that were run. */
let examples = 0;

describe.each(variants)("$mode, aggregated: $aggregated", ({ mode, aggregated }) => {
  let cache: XdsCache;
  let server: XdsServer;
  let client: XdsClient;
  let keys = 0;

  beforeEach(() => void examples++);

  beforeAll(async () => {
    cache = createXdsCache();
    server = createXdsServer({
      cache,
      port: 0,
      snapshotKey: ({ metadata }) => String(metadata.role),
      fallbackKey: "none",
    });
    client = connect((await server.listen()).port);
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await server.close();
  });

  /** A proxy of its own, on one stream: that of the service, or the aggregated one. */
  function proxy(first: TypeName) {
    const key = `key-${++keys}`;
    const path = mode === "sotw" ? services[first] : services[first].replace("Stream", "Delta");
    const node = { id: key, metadata: { role: key } };
    const stream: ClientStream = client.stream(mode, {
      node,
      ...(aggregated ? {} : { path: `/envoy.service.${path}` }),
    });
    const last = new Map<TypeName, Answer>();
    const requests = (type: TypeName): number => server.metrics.byType.get(types[type])?.requests ?? 0;
    /** Sends a request and waits until the server has it. */
    async function send(type: TypeName, ask: Ask): Promise<void> {
      const before = requests(type);
      const { nonce = "", version = "" } = last.get(type) ?? {};
      stream.send({ typeUrl: types[type], nonce, version, ...ask });
      await waitFor(() => requests(type) > before);
    }
    return {
      set: (type: TypeName, values: Record<string, string>) =>
        cache.apply(key, { upsert: resources(types[type], values), complete: true }),
      remove: (type: TypeName, name: string) => cache.apply(key, { remove: [{ typeUrl: types[type], name }] }),
      send,
      /** The next response; it must be of the type. It is accepted, in state of the world with the list of names. */
      async next(type: TypeName, names: readonly string[] = []): Promise<Answer> {
        const answer = await stream.next();
        expect(answer.typeUrl).toBe(types[type]);
        last.set(type, answer);
        await send(type, mode === "sotw" ? { names } : {});
        return answer;
      },
      [Symbol.dispose]: () => stream.cancel(),
    };
  }

  for (const type of mode === "sotw" ? (["CDS", "LDS"] as const) : []) {
    test(`S1 ${type}: all resources are sent on a wildcard request`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", c: "1" });
      await proxied.send(type, {});
      expect((await proxied.next(type)).resources).toEqual({ a: "a=1", b: "b=1", c: "c=1" });
    });
    test(`S2 ${type}: updates are sent to the client`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1" });
      await proxied.send(type, {});
      const first = await proxied.next(type);
      proxied.set(type, { a: "2" });
      const second = await proxied.next(type);
      expect(second.resources).toEqual({ a: "a=2", b: "b=1" });
      expect(second.version).not.toBe(first.version);
    });
    test(`S3 ${type}: wildcard subscriptions receive updates when new resources are added`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1" });
      await proxied.send(type, {});
      await proxied.next(type);
      proxied.set(type, { d: "1" });
      expect((await proxied.next(type)).resources).toEqual({ a: "a=1", d: "d=1" });
    });
  }
  for (const type of mode === "sotw" ? ALL : []) {
    const names = ["a", "b"];
    const others = isWhole(type) ? { b: "b=1" } : {};
    test(`S5 ${type}: subscribed resources are sent when they change`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", other: "1" });
      await proxied.send(type, { names });
      expect((await proxied.next(type, names)).resources).toEqual({ a: "a=1", b: "b=1" });
      proxied.set(type, { other: "2" });
      proxied.set(type, { a: "2" });
      expect((await proxied.next(type, names)).resources).toEqual({ a: "a=2", ...others });
    });
    test(`S6 ${type}: resources that don't exist are sent when they are created`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { b: "1" });
      await proxied.send(type, { names });
      expect((await proxied.next(type, names)).resources).toEqual({ b: "b=1" });
      proxied.set(type, { a: "1" });
      expect((await proxied.next(type, names)).resources).toEqual({ a: "a=1", ...others });
    });
    test(`${isWhole(type) ? "U1" : "U2"} ${type}: a client can unsubscribe from some resources`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", c: "1" });
      await proxied.send(type, { names: ["a", "b", "c"] });
      await proxied.next(type, ["a", "b", "c"]);
      await proxied.send(type, { names });
      proxied.set(type, { c: "2" });
      proxied.set(type, { a: "2" });
      expect((await proxied.next(type, names)).resources).toEqual({ a: "a=2", ...others });
    });
    test(`U3 ${type}: a client can unsubscribe from all resources`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", sentinel: "1" });
      await proxied.send(type, { names });
      await proxied.next(type, names);
      await proxied.send(type, { names: [] });
      proxied.set(type, { a: "2", b: "2" });
      // Had the changes been told, they would come before the answer to this.
      await proxied.send(type, { names: ["sentinel"] });
      expect((await proxied.next(type, ["sentinel"])).resources).toEqual({ sentinel: "sentinel=1" });
    });
  }
  for (const type of mode === "delta" ? ALL : []) {
    test(`D1 ${type}: resources can be subscribed to one after the other`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", c: "1" });
      for (const name of ["a", "b", "c"]) {
        await proxied.send(type, { subscribe: [name] });
        expect((await proxied.next(type)).resources).toEqual({ [name]: `${name}=1` });
      }
    });
    test(`D2 ${type}: when a resource is updated, only that one is sent`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1" });
      await proxied.send(type, { subscribe: ["a", "b"] });
      await proxied.next(type);
      proxied.set(type, { b: "2" });
      expect(await proxied.next(type)).toMatchObject({ resources: { b: "b=2" }, removed: [] });
    });
    test(`D3 ${type}: a client is told that a resource doesn't exist, and when it is created`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1" });
      await proxied.send(type, { subscribe: ["gone"] });
      // The harness leaves this step out.
      expect(await proxied.next(type)).toMatchObject({ resources: {}, removed: ["gone"] });
      proxied.set(type, { gone: "1" });
      expect(await proxied.next(type)).toMatchObject({ resources: { gone: "gone=1" }, removed: [] });
    });
    test(`D4 ${type}: a removed resource is told by removed_resources`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1" });
      await proxied.send(type, { subscribe: ["a", "b"] });
      await proxied.next(type);
      proxied.remove(type, "b");
      expect(await proxied.next(type)).toMatchObject({ resources: {}, removed: ["b"] });
    });
    test(`D5 ${type}: a client can unsubscribe incrementally`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", c: "1" });
      await proxied.send(type, { subscribe: ["a", "b", "c"] });
      await proxied.next(type);
      await proxied.send(type, { unsubscribe: ["a"] });
      proxied.set(type, { a: "2" });
      await proxied.send(type, { unsubscribe: ["b"] });
      proxied.set(type, { a: "3", b: "2" });
      proxied.set(type, { c: "2" });
      expect(await proxied.next(type)).toMatchObject({ resources: { c: "c=2" }, removed: [] });
    });
  }

  for (const type of ["LDS", "RDS"] as const) {
    test(`S4 ${type}: only the resources that were subscribed to are sent`, async () => {
      using proxied = proxy(type);
      proxied.set(type, { a: "1", b: "1", c: "1" });
      await proxied.send(type, { names: ["a", "c"], subscribe: ["a", "c"] });
      expect((await proxied.next(type, ["a", "c"])).resources).toEqual({ a: "a=1", c: "c=1" });
    });
  }

  const pairs =
    mode === "sotw"
      ? ([
          ["CDS", "LDS"],
          ["RDS", "EDS"],
        ] as const)
      : ([
          ["CDS", "LDS"],
          ["LDS", "CDS"],
          ["RDS", "EDS"],
          ["EDS", "RDS"],
        ] as const);
  for (const [one, two] of aggregated ? pairs : []) {
    test(`${mode === "sotw" ? "S7" : "D6"} ${one}, ${two}: one stream serves several types`, async () => {
      using proxied = proxy(one);
      const ask = { names: ["a", "b"], subscribe: ["a", "b"] };
      proxied.set(one, { a: "1", b: "1" });
      proxied.set(two, { a: "1", b: "1" });
      for (const type of [one, two]) {
        await proxied.send(type, ask);
        expect((await proxied.next(type, ask.names)).resources).toEqual({ a: "a=1", b: "b=1" });
      }
      for (const type of [two, one]) {
        proxied.set(type, { a: "2" });
        expect((await proxied.next(type, ask.names)).resources).toMatchObject({ a: "a=2" });
      }
    });
  }
});

test("these are the harness's 98 examples", () => {
  expect(examples).toBe(98);
});
