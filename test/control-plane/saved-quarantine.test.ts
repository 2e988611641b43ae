import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createVersionedCache } from "../../src/control-plane/envoy-versions/versioned-cache.ts";
import { silentLogger } from "../../src/control-plane/logger.ts";
import { savedCache } from "../../src/control-plane/saved-state/saved-cache.ts";
import { saveQuarantine } from "../../src/control-plane/saved-state/saved-quarantine.ts";
import { openSavedState } from "../../src/control-plane/saved-state/saved-state.ts";
import { createQuarantine, createXdsCache, resourceFromParts, typeUrls, xdsPart } from "../../src/xds/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { jsonResource } from "../xds/support/json-resource.ts";
import { refusingClient } from "../xds/support/refusing-client.ts";
import { KEY } from "../xds/support/rigs.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "epoxy-quarantine-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const table = (...hosts: readonly string[]) =>
  resourceFromParts(typeUrls.route, "r", [
    xdsPart(Buffer.from("r=")),
    ...hosts.map((host) => xdsPart(Buffer.from(`[${host}]`), `VirtualService/ns/${host[0]}`)),
  ]);
const refuses = (content: string) => (content.includes("bad") ? "no good" : undefined);

const node = { id: "", cluster: "", metadata: {}, locality: undefined, clientFeatures: [] };

/** A control plane's life, as far as it concerns this. */
async function life() {
  const state = await openSavedState({ folder, logger: silentLogger });
  const versions = createVersionedCache(createXdsCache());
  const { roles } = versions;
  const { cache } = savedCache(versions.cache, state);
  const quarantine = createQuarantine(cache, { roles });
  const end = saveQuarantine(quarantine, cache, state, roles);
  return {
    cache,
    quarantine,
    saved: () => state.sections().includes("quarantine"),
    client: () => refusingClient(cache, { mode: "delta", typeUrl: typeUrls.route, names: ["r"], quarantine, refuses }),
    olderClient() {
      const version = "1.36.4";
      const key = versions.keyFor(KEY, { ...node, userAgentName: "envoy", userAgentVersion: version });
      const options = { mode: "delta", typeUrl: typeUrls.route, names: ["r"], quarantine, refuses, key } as const;
      return refusingClient(cache, { ...options, node: { id: "old-1", version } });
    },
    async end() {
      end();
      await state.close();
    },
  };
}

test("after a restart, what a proxy refused isn't sent to it again, and it is given its last good version", async () => {
  const first = await life();
  first.cache.apply(KEY, { upsert: [table("a1", "b1")], complete: true });
  const client = first.client();
  first.cache.apply(KEY, { upsert: [table("a2", "bad")], complete: true });
  client.settle();
  expect(client.has.get("r")).toBe("r=[a2][b1]");
  await waitFor(first.saved);
  await first.end();

  const second = await life();
  second.cache.apply(KEY, { upsert: [table("a2", "bad")], complete: true });
  const again = second.client();
  expect(again.refused).toBe(0);
  expect(again.has.get("r")).toBe("r=[a2][b1]");
  expect(second.quarantine.list()).toMatchObject([{ origin: "VirtualService/ns/b", refusals: [{ node: "envoy-1" }] }]);
  second.cache.apply(KEY, { upsert: [table("a2", "b3")] });
  again.settle();
  expect(again.has.get("r")).toBe("r=[a2][b3]");
  await waitFor(() => !second.saved());
  await second.end();
});

/** Answers with a text, formatted as only newer ones know. */
const answering = (text: string) =>
  jsonResource(typeUrls.route, "r", {
    name: "r",
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
              bodyFormat: { textFormatSource: { inlineString: "formatted" } },
            },
          },
        ],
      },
    ],
  });

test("what only a proxy of an older version is given and refuses is kept, too, with its last good version", async () => {
  const first = await life();
  first.cache.apply(KEY, { upsert: [answering("good")], complete: true });
  const client = first.olderClient();
  const before = client.has.get("r");
  expect([before?.includes("good"), before?.includes("formatted")]).toEqual([true, false]);
  first.cache.apply(KEY, { upsert: [answering("bad")] });
  client.settle();
  expect(client.has.get("r")).toBe(before);
  await waitFor(first.saved);
  await first.end();

  const second = await life();
  expect(second.quarantine.list()).toMatchObject([{ key: KEY, refusals: [{ node: "old-1", nodeVersion: "1.36.4" }] }]);
  second.cache.apply(KEY, { upsert: [answering("bad")], complete: true });
  const again = second.olderClient();
  expect([again.refused, again.has.get("r")]).toEqual([0, before]);
  await second.end();
});
