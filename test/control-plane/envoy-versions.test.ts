import { afterEach, describe, expect, test } from "vitest";
import { createGraph } from "../../src/collections/index.ts";
import { silentLogger } from "../../src/control-plane/logger.ts";
import { reportRefusals } from "../../src/control-plane/refusal-reports.ts";
import type { TranslationProblem } from "../../src/resources/index.ts";
import { createVersionedCache } from "../../src/control-plane/envoy-versions/versioned-cache.ts";
import { newerFields } from "../../src/control-plane/envoy-versions/newer-fields.ts";
import {
  createQuarantine,
  createXdsCache,
  createXdsServer,
  envoyTypes,
  type NackEvent,
  type StreamState,
  typeUrls,
  type XdsNode,
  xdsPart,
  resourceFromParts,
} from "../../src/xds/index.ts";
import { startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { bootstrapFor } from "../xds/support/bootstrap.ts";
import { httpListener, jsonResource } from "../xds/support/json-resource.ts";

const KEY = "gloo-system~gateway-proxy";
const OLD_KEY = `${KEY} (before Envoy 1.37)`;
const node = (userAgentVersion: string, userAgentName = "envoy"): XdsNode => ({
  id: "envoy-1",
  cluster: "",
  metadata: { role: KEY },
  locality: undefined,
  userAgentName,
  userAgentVersion,
  clientFeatures: [],
});

/** Answers 200 with a text that needs `body_format`, which Envoy has since 1.37. */
const table = (text: string, format: boolean) =>
  jsonResource(
    typeUrls.route,
    "routes",
    {
      name: "routes",
      virtualHosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [
            {
              match: { prefix: "/" },
              directResponse: {
                status: 200,
                body: { inlineString: text },
                ...(format && { bodyFormat: { textFormatSource: { inlineString: `formatted ${text}` } } }),
              },
            },
          ],
        },
      ],
    },
    { origin: "VirtualService/ns/shop" },
  );

test("proxies share a key unless a field that is used here is newer than they are", () => {
  const { keyFor } = createVersionedCache(createXdsCache());
  expect(["1.36.2", "1.36.9", "1.37.0", "1.40.0", "2.0.0"].map((version) => keyFor(KEY, node(version)))).toEqual([
    OLD_KEY,
    OLD_KEY,
    KEY,
    KEY,
    KEY,
  ]);
  expect([keyFor(KEY, node("")), keyFor(KEY, node("1.2.3", "gRPC Node"))]).toEqual([KEY, KEY]);
});

describe("what is newer than a proxy", () => {
  test("is left out for that proxy alone, from what there is and from what comes, and is told with its origin", () => {
    const { cache, keyFor, withheld } = createVersionedCache(createXdsCache());
    cache.apply(KEY, { upsert: [table("one", true)], complete: true });
    keyFor(KEY, node("1.36.4"));
    expect(cache.keys()).toEqual([KEY]);
    expect(cache.ready(OLD_KEY)).toBe(true);
    const versionOf = (key: string) => cache.get(key, typeUrls.route, "routes")?.version;
    expect(versionOf(OLD_KEY)).toBe(table("one", false).version);
    expect(versionOf(KEY)).toBe(table("one", true).version);
    expect(withheld()).toMatchObject([
      { key: OLD_KEY, name: "routes", origin: "VirtualService/ns/shop", whole: false, fields: [{ since: [1, 37] }] },
    ]);
    cache.apply(KEY, { upsert: [table("two", false)] });
    expect(versionOf(OLD_KEY)).toBe(versionOf(KEY));
    expect(withheld()).toEqual([]);
    cache.apply(KEY, { remove: [{ typeUrl: typeUrls.route, name: "routes" }] });
    expect(versionOf(OLD_KEY)).toBeUndefined();
  });

  test("is found in messages packed in others, and other parts keep their bytes", () => {
    const { cache, keyFor, withheld } = createVersionedCache(createXdsCache());
    keyFor(KEY, node("1.36.4"));
    const forwarding = httpListener(1234, { tracing: { operation: "%REQ(:path)%" } });
    const [part] = jsonResource(typeUrls.listener, "http", forwarding).parts;
    const other = xdsPart(Buffer.alloc(0), "other");
    cache.apply(KEY, {
      upsert: [resourceFromParts(typeUrls.listener, "http", [...(part ? [part] : []), other])],
      complete: true,
    });
    expect(withheld().map(({ fields }) => fields.map(({ name }) => name.split(".").slice(-2).join(".")))).toEqual([
      ["Tracing.operation"],
    ]);
    expect(cache.get(OLD_KEY, typeUrls.listener, "http")?.parts[1]).toBe(other);
  });

  test("and vital keeps the whole resource back: what the proxy has stays", () => {
    const { cache, keyFor, withheld } = createVersionedCache(createXdsCache());
    keyFor(KEY, node("1.36.4"));
    const plain = jsonResource(typeUrls.route, "routes", { name: "routes" });
    cache.apply(KEY, { upsert: [plain], complete: true });
    cache.apply(KEY, { upsert: [jsonResource(typeUrls.route, "routes", { name: "routes", vhostHeader: "x-host" })] });
    expect(cache.get(OLD_KEY, typeUrls.route, "routes")?.version).toBe(plain.version);
    expect(withheld()).toMatchObject([{ whole: true }]);
  });

  test("is told in the status of what it came from, while such a proxy is connected", async () => {
    const { cache, keyFor, withheld, roles } = createVersionedCache(createXdsCache());
    cache.apply(KEY, { upsert: [table("one", true)], complete: true });
    keyFor(KEY, node("1.36.4"));
    const stream = { id: 1, mode: "delta", peer: "", key: OLD_KEY, node: node("1.36.4"), openedAt: 0 } as const;
    const other = { ...stream, key: KEY, node: { ...node("1.40.0"), id: "envoy-2" } };
    const streams = [stream, other].map((it): StreamState => ({ ...it, types: [], blocked: false }));
    const quarantine = createQuarantine(cache, { roles });
    const told = { quarantine, withheld, roleOf: roles.roleOf, logger: silentLogger };
    const reports = reportRefusals({ ...told, streams: () => streams });
    const problems = createGraph().source<readonly TranslationProblem[]>("problems");
    reports.attach(problems);
    reports.recount();
    await waitFor(() => problems.list().length === 1);
    expect(problems.list()[0]).toEqual([
      {
        severity: "warning",
        message: `withheld from 1 of 2 proxies of ${KEY}, which is older than Envoy 1.37 and can't know it: envoy.config.route.v3.DirectResponseAction.body_format (Envoy 1.37 and newer)`,
        sources: [{ kind: "VirtualService", ref: { namespace: "ns", name: "shop" } }],
      },
    ]);
    streams.length = 0;
    reports.recount();
    await waitFor(() => problems.list().length === 0);
    reports.close();
  });

  test("is a field or an enum's value of a message that this Epoxy knows", () => {
    const known = (name: string): boolean => {
      const [parent, last] = [name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf(".") + 1)];
      const fields = envoyTypes().getMessage(parent)?.fields ?? envoyTypes().getEnum(parent)?.values ?? [];
      return fields.some((it) => it.name === last);
    };
    expect(newerFields.filter(({ name }) => !known(name))).toEqual([]);
    expect(newerFields.length).toBeGreaterThan(10);
  });
});

// Paths of older programs, joined by colons: docs/envoy-versions.md says how to get them.
const programs = (process.env["EPOXY_ENVOYS"] ?? "").split(":").filter((path) => path !== "");

describe.runIf(programs.length > 0).each(programs)("a real Envoy at %s that refuses what it doesn't know", (binary) => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  test("is served without what is newer, and refuses nothing", async () => {
    const { cache, keyFor } = createVersionedCache(createXdsCache());
    const nacks: NackEvent[] = [];
    const server = createXdsServer({
      cache,
      port: 0,
      snapshotKey: () => KEY,
      fallbackKey: KEY,
      variantKey: keyFor,
      events: { onNack: (event) => nacks.push(event) },
    });
    closing.push(() => server.close());
    const { port: xdsPort } = await server.listen();
    const port = await freePort();
    const rds = { routeConfigName: "routes", configSource: { resourceApiVersion: "V3", ads: {} } };
    cache.apply(KEY, {
      upsert: [jsonResource(typeUrls.listener, "http", httpListener(port, { rds })), table("hello", true)],
      complete: true,
    });
    const bootstrap = bootstrapFor({ mode: "delta ADS", xdsPort });
    const envoy = await startEnvoy({ bootstrap, binary, arguments: ["--reject-unknown-dynamic-fields"] });
    closing.push(() => envoy.stop());
    await waitFor(async () => (await httpGet(`http://127.0.0.1:${port}/`)).status === 200);
    const [stream] = server.streams();
    const old = stream?.node?.userAgentVersion?.startsWith("1.36.") === true;
    expect(stream?.key).toBe(old ? OLD_KEY : KEY);
    expect((await httpGet(`http://127.0.0.1:${port}/`)).body).toBe(old ? "hello" : "formatted hello");
    expect(nacks).toEqual([]);
  });
});
