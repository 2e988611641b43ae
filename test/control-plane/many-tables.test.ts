import fc from "fast-check";
import { expect, it } from "vitest";
import type { Graph, Lookup } from "../../src/collections/index.ts";
import { createChain } from "./support/chain.ts";
import { outcome } from "./support/outcome.ts";
import { memoryOf } from "./support/remembering-graph.ts";
import { withDerive } from "./support/with-derive.ts";

/* So many route tables that they are kept in groups. */

const document = (kind: string, name: string, spec: object, labels: object = {}): string =>
  `${JSON.stringify({ apiVersion: `${kind === "Upstream" ? "gloo" : "gateway"}.solo.io/v1`, kind, metadata: { name, namespace: "gloo-system", labels }, spec })}\n---\n`;
const to = (upstream: string) => ({
  routeAction: { single: { upstream: { name: upstream, namespace: "gloo-system" } } },
});
const upstream = (name: string, port: number) =>
  document("Upstream", name, { static: { hosts: [{ addr: "::1", port }] } });
const gateway = document("Gateway", "gw", { bindAddress: "::", bindPort: 8080, httpGateway: {} });

interface Table {
  readonly routes: readonly { readonly path: number; readonly upstream: number }[];
  readonly weight: number;
  readonly team: "a" | "b";
  /** Delegates to the next one, too. */
  readonly deeper: boolean;
}

const tableYaml = (at: number, { routes, weight, team, deeper }: Table): string => {
  const own = routes.map(({ path, upstream: target }) => ({
    // Now and then beyond what was delegated.
    matchers: [{ prefix: path === 9 ? "/elsewhere" : `/t${at}/${path}` }],
    ...to(`us-${target}`),
  }));
  const next = {
    matchers: [{ prefix: `/t${at}/` }],
    delegateAction: { ref: { name: `rt-${at + 1}`, namespace: "gloo-system" } },
  };
  return document("RouteTable", `rt-${at}`, { routes: deeper ? [...own, next] : own, weight }, { team });
};
const byReference = (order: readonly number[]): string =>
  document("VirtualService", "one", {
    virtualHost: {
      domains: ["one.test", "*.one.test"],
      routes: order.map((at) => ({
        matchers: [{ prefix: `/t${at}/` }],
        delegateAction: { ref: { name: `rt-${at}`, namespace: "gloo-system" } },
      })),
    },
  });
const bySelector = document("VirtualService", "two", {
  virtualHost: {
    domains: ["two.test"],
    routes: [
      { matchers: [{ prefix: "/" }], delegateAction: { selector: { labels: { team: "a" } } } },
      { matchers: [{ prefix: "/" }], ...to("us-0") },
    ],
  },
});

const TABLES = 70;
const plainTable = (at: number): Table => ({
  routes: [{ path: 0, upstream: at % 3 }],
  weight: 0,
  team: at % 2 === 0 ? "a" : "b",
  deeper: false,
});

it("after any edits of one among many tables, all is as a translation from scratch has it", () => {
  const table = fc.record({
    routes: fc.array(fc.record({ path: fc.constantFrom(0, 1, 9), upstream: fc.nat({ max: 3 }) }), { maxLength: 3 }),
    weight: fc.constantFrom(0, 0, 0, 5),
    team: fc.constantFrom("a" as const, "b" as const),
    deeper: fc.boolean(),
  });
  const edit = fc.oneof(
    { weight: 4, arbitrary: fc.record({ at: fc.nat({ max: TABLES }), table: fc.option(table, { nil: undefined }) }) },
    { weight: 1, arbitrary: fc.record({ turned: fc.nat({ max: TABLES }) }) },
    { weight: 1, arbitrary: fc.record({ upstream: fc.nat({ max: 3 }), isThere: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 8 }), (edits) => {
      const all = Array.from({ length: TABLES }, (_, at) => at);
      const present = new Map<string, string>([
        ["Gateway/gw", gateway],
        ["VirtualService/one", byReference(all)],
        ["VirtualService/two", bySelector],
        ...[0, 1, 2].map((at) => [`Upstream/us-${at}`, upstream(`us-${at}`, 80)] as const),
        ...all.map((at) => [`RouteTable/rt-${at}`, tableYaml(at, plainTable(at))] as const),
      ]);
      const incremental = createChain();
      incremental.apply([...present.values()].join(""));
      const put = (key: string, text: string | undefined): void => {
        const [kind = "", name = ""] = key.split("/");
        if (text === undefined) {
          present.delete(key);
          incremental.remove(kind, name);
        } else {
          present.set(key, text);
          incremental.apply(text);
        }
      };
      for (const one of edits) {
        const memory = memoryOf(incremental.graph);
        if ("turned" in one)
          put("VirtualService/one", byReference([...all.slice(one.turned), ...all.slice(0, one.turned)]));
        else if ("at" in one) put(`RouteTable/rt-${one.at}`, one.table && tableYaml(one.at, one.table));
        else put(`Upstream/us-${one.upstream}`, one.isThere ? upstream(`us-${one.upstream}`, 81) : undefined);
        const scratch = createChain({}, memory);
        scratch.apply([...present.values()].join(""));
        expect(outcome(incremental)).toEqual(outcome(scratch));
      }
      expect(incremental.failures).toEqual([]);
    }),
    { numRuns: 12 },
  );
}, 60_000);

/** Look-ups of all functions that make one output for an input. */
function counting() {
  const counted = { lookups: 0 };
  const observe = (graph: Graph): Graph => {
    const derive: Graph["derive"] = (name, input, fn, options) =>
      graph.derive(
        name,
        input,
        (value, key, lookup, previous) => {
          const count =
            (method: "get" | "index" | "value" | "list") =>
            (...args: unknown[]) => {
              counted.lookups++;
              return (lookup[method] as (...all: unknown[]) => unknown)(...args);
            };
          const observed = {
            get: count("get"),
            index: count("index"),
            value: count("value"),
            list: count("list"),
            has: (...args: Parameters<Lookup["has"]>) => lookup.has(...args),
            size: (...args: Parameters<Lookup["size"]>) => lookup.size(...args),
            part: (...args: Parameters<Lookup["part"]>) => lookup.part(...args),
          } as Lookup;
          return fn(value, key, observed, previous);
        },
        options,
      );
    return withDerive(graph, derive);
  };
  return { counted, observe };
}

it.each([
  ["by reference", (tables: number) => byReference(Array.from({ length: tables }, (_, at) => at))],
  ["by a selector", () => bySelector.replace('{"labels":{"team":"a"}}', '{"namespaces":["gloo-system"]}')],
])("an edited table costs as many look-ups among 700 tables, found %s, as among 70", (_how, service) => {
  const lookupsOf = (tables: number): number => {
    const { counted, observe } = counting();
    const chain = createChain({}, undefined, observe);
    const upstreams = Array.from({ length: tables }, (_, at) => upstream(`us-${at}`, 80));
    const table = (at: number, path: number) => tableYaml(at, { ...plainTable(at), routes: [{ path, upstream: at }] });
    chain.apply(
      [gateway, service(tables), ...upstreams, ...Array.from({ length: tables }, (_, at) => table(at, 0))].join(""),
    );
    counted.lookups = 0;
    chain.apply(table(tables / 2, 1));
    expect(chain.failures).toEqual([]);
    return counted.lookups;
  };
  const few = lookupsOf(70);
  expect(few).toBeGreaterThan(0);
  expect(lookupsOf(700)).toBe(few);
});
