import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VirtualServiceKind } from "../../generated/sdk/index.ts";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { hostileTexts } from "./support/hostile-texts.ts";

/** What a value of Consul may have, in bytes. */
const limit = 512 * 1024;

/** As bytes that somebody could have put there: a text that isn't Unicode, and values that are no text at all. */
const values: Readonly<Record<string, string | Uint8Array>> = {
  ...Object.fromEntries(Object.entries(hostileTexts).filter(([, text]) => Buffer.byteLength(text) < limit)),
  "nothing but zeros": new Uint8Array(1_000),
  "bytes that aren't UTF-8": Uint8Array.from([0x6d, 0xff, 0xfe, 0x80, 0x0a]),
  "half a UTF-8 character": Uint8Array.from([...Buffer.from("metadata: {name: a"), 0xe2, 0x82]),
};

/** Keys that are no place of a resource, below the kind's own prefix. */
const strayKeys = ["a/b/c/d", "a//b", "a/B", "a/%2e%2e%2fpasswd", "a/__proto__x_", `a/${"x".repeat(300)}`];

describe("with hostile values under its keys, a real Consul", () => {
  let consul: RunningConsul;
  const prefix = "gloo/gateway.solo.io/v1/VirtualService";
  const put = (key: string, value: string | Uint8Array) =>
    fetch(`http://${consul.address}/v1/kv/${key.split("/").map(encodeURIComponent).join("/")}`, {
      method: "PUT",
      body: value,
    });

  beforeAll(async () => {
    consul = await startConsul();
    for (const [index, value] of Object.values(values).entries()) await put(`${prefix}/b/hostile-${index}`, value);
    for (const key of strayKeys) await put(`${prefix}/${key}`, "metadata: {name: a, namespace: b}\n");
    await put(`${prefix}/b/sound`, "metadata: {name: sound, namespace: b}\n");
  });
  afterAll(() => consul?.stop());

  test("gives an error with its key for each, and the sound resource", async () => {
    await using storage = createConsulStorage({ address: consul.address });
    const { items, problems } = await storage.client(VirtualServiceKind).list({ namespaces: ["a", "b"] });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["sound"]);
    const messages = problems.map(({ error }) => error.message);
    for (const [index, name] of Object.keys(values).entries()) {
      const own = messages.filter((message) => message.startsWith(`${prefix}/b/hostile-${index}`));
      expect(own, name).not.toEqual([]);
    }
    for (const message of messages) {
      expect(message.length).toBeLessThan(2_000);
      // No stack traces, and nothing that a terminal would obey.
      // oxlint-disable-next-line no-control-regex
      expect(message).not.toMatch(/\n\s+at |[\x00-\x08\x0b-\x1f\x7f]/);
    }
  });

  test("is watched on: the sound resource's changes arrive", async () => {
    await using storage = createConsulStorage({ address: consul.address });
    const client = storage.client(VirtualServiceKind);
    const seen: string[] = [];
    for await (const event of client.watch({ namespaces: ["b"] })) {
      if (event.type === "state") {
        seen.push(...event.items.map(({ displayName }) => displayName));
        await put(`${prefix}/b/sound`, "metadata: {name: sound, namespace: b}\ndisplayName: changed\n");
      } else if (event.type === "changes") {
        seen.push(...event.changed.map(({ displayName }) => displayName));
      }
      if (seen.includes("changed")) break;
    }
    expect(seen).toEqual(["", "changed"]);
  });
});
