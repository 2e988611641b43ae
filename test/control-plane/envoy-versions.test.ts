import type { JsonObject } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "vitest";
import { createGraph } from "../../src/collections/index.ts";
import { silentLogger } from "../../src/control-plane/logger.ts";
import { refusalProblem, reportRefusals } from "../../src/control-plane/refusal-reports.ts";
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
import { refusedRegex } from "../e2e/support/refused.ts";
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
const table = (text: string, format: boolean, match: JsonObject = { prefix: "/" }) =>
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
              match,
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
    cache.subscribe(keyFor(KEY, node("1.36.4")), typeUrls.listener, () => {});
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
    cache.subscribe(keyFor(KEY, node("1.36.4")), typeUrls.route, () => {});
    const plain = jsonResource(typeUrls.route, "routes", { name: "routes" });
    cache.apply(KEY, { upsert: [plain], complete: true });
    cache.apply(KEY, { upsert: [jsonResource(typeUrls.route, "routes", { name: "routes", vhostHeader: "x-host" })] });
    expect(cache.get(OLD_KEY, typeUrls.route, "routes")?.version).toBe(plain.version);
    expect(withheld()).toMatchObject([{ whole: true }]);
  });

  test("is left out of what others of the role have accepted, too, which is the last good version of an older proxy that comes", () => {
    const { cache, keyFor } = createVersionedCache(createXdsCache());
    cache.apply(KEY, { upsert: [table("one", true)], complete: true });
    cache.accept(KEY, table("one", true));
    cache.apply(KEY, { upsert: [table("two", true)] });
    keyFor(KEY, node("1.36.4"));
    const accepted = () => cache.accepted(OLD_KEY, typeUrls.route, "routes").map(({ version }) => version);
    expect(accepted()).toEqual([table("one", false).version]);
    // By now it has its own.
    cache.accept(OLD_KEY, table("two", false));
    cache.accept(KEY, table("two", true));
    cache.apply(KEY, { upsert: [table("three", true)] });
    expect(accepted()).toEqual([table("two", false).version, table("one", false).version]);
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

  test("and a newer one that refuse the same are two of one role: it is kept from all, and told once", async () => {
    const versions = createVersionedCache(createXdsCache());
    const { cache, keyFor, roles } = versions;
    const quarantine = createQuarantine(cache, { roles });
    const options = { cache, quarantine, port: 0, snapshotKey: () => KEY, fallbackKey: KEY, variantKey: keyFor };
    const server = createXdsServer(options);
    closing.push(() => server.close());
    const { port: xdsPort } = await server.listen();
    // Envoys may share it.
    const port = await freePort();
    const rds = { routeConfigName: "routes", configSource: { resourceApiVersion: "V3", ads: {} } };
    // A script that is newer than both Envoys' Unicode.
    const impossible = { safeRegex: { regex: refusedRegex } };
    cache.apply(KEY, {
      upsert: [jsonResource(typeUrls.listener, "http", httpListener(port, { rds })), table("hello", false, impossible)],
      complete: true,
    });
    for (const [id, program] of [["old", binary] as const, ["new", undefined] as const]) {
      const bootstrap = bootstrapFor({ mode: "delta ADS", xdsPort, id });
      const envoy = await startEnvoy({ bootstrap, binary: program });
      closing.push(() => envoy.stop());
    }
    await waitFor(() => quarantine.list()[0]?.refusals.length === 2);
    expect(quarantine.list()).toMatchObject([{ key: KEY, name: "routes", spread: true }]);
    const problem = refusalProblem(quarantine.list(), 2);
    expect(problem).toMatchObject({ severity: "error", message: expect.stringMatching(/^refused by 2 of 2 .*Garay/) });
    // What differs, each judges for itself.
    cache.apply(KEY, { upsert: [table("other", true, impossible)] });
    const old = server.streams().some(({ key }) => key === OLD_KEY);
    await waitFor(() => quarantine.list().flatMap(({ refusals }) => refusals).length === 2);
    expect(quarantine.list().map(({ spread }) => spread)).toEqual(old ? [false, false] : [true]);
    expect(refusalProblem(quarantine.list(), 2).message).toMatch(/^refused by 2 of 2 /);
  });
});
