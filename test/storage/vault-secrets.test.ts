import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Secret, SecretKind } from "../../generated/sdk/index.ts";
import { isConflict, isNotFound, isUnavailable } from "../../src/errors/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { createVaultStorage, type VaultStorageOptions } from "../../src/storage/vault/index.ts";
import { follow } from "../contracts/support/follow.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { type RunningVault, startVault } from "../support/vault.ts";
import { waitFor } from "../support/wait-for.ts";

const marked = "MARKED-s3cr3t";
const ref = (name: string) => ({ namespace: "gloo-system", name });
const headerSecret = (name: string, value = marked): Secret =>
  SecretKind.type.codec.fromPartial({
    metadata: ref(name),
    kind: { $case: "header", value: { headers: { authorization: value } } },
  });

let vault: RunningVault;
let through: HttpRecorder;
const opened: Storage[] = [];
beforeAll(async () => {
  vault = await startVault();
  through = await startHttpRecorder(vault.port);
});
afterEach(async () => {
  through.answer = undefined;
  await Promise.all(opened.splice(0).map((storage) => storage.close()));
});
afterAll(async () => {
  await through?.close();
  await vault?.stop();
});

let roots = 0;
/** A storage below a root key of its own, and its keys for requests past it. */
function open(options: Partial<VaultStorageOptions> = {}) {
  const rootKey = options.rootKey ?? `root-${++roots}`;
  const storage = createVaultStorage({
    address: through.address,
    auth: { type: "token", token: vault.token },
    refreshInterval: 20,
    backoff: { initial: 10, max: 50 },
    ...options,
    rootKey,
  });
  opened.push(storage);
  const key = (name: string) => `${rootKey}/gloo.solo.io/v1/Secret/gloo-system/${name}`;
  const watch = () => follow(storage.client(SecretKind).watch());
  return { storage, secrets: storage.client(SecretKind), rootKey, key, watch };
}

describe("secrets in Vault", () => {
  it("lie at Gloo's paths in Gloo's shape, and are read as Gloo wrote them", async () => {
    const { secrets, key } = open({ rootKey: "gloo" });
    const written = await secrets.write(
      SecretKind.type.codec.fromPartial({
        metadata: { ...ref("shop"), labels: { team: "shop" } },
        kind: { $case: "tls", value: { certChain: "CERT", privateKey: "KEY", rootCa: "" } },
      }),
    );
    expect(key("shop")).toBe("gloo/gloo.solo.io/v1/Secret/gloo-system/shop");
    const { data } = await vault.api("GET", `secret/data/${key("shop")}`);
    expect(data.data).toEqual({
      metadata: { name: "shop", namespace: "gloo-system", labels: { team: "shop" } },
      tls: { certChain: "CERT", privateKey: "KEY" },
    });
    expect(data.metadata.version).toBe(1);
    expect(written.metadata?.resourceVersion).toMatch(/^1-\d+$/);
    // Gloo keeps the version that it read beside the rest, and writes no empty fields.
    await vault.putRaw(key("login"), {
      metadata: { name: "login", namespace: "gloo-system", resourceVersion: "7", annotations: { a: "b" } },
      oauth: { clientSecret: marked },
    });
    const login = await secrets.read(ref("login"));
    expect(login.kind).toEqual({ $case: "oauth", value: { clientSecret: marked } });
    expect(login.metadata?.resourceVersion).toMatch(/^1-/);
    expect((await secrets.list()).items.map(({ metadata }) => metadata?.name)).toEqual(["login", "shop"]);
    await secrets.delete(ref("login"));
    await secrets.delete(ref("shop"));
  });

  it("are gone with all their versions when they are deleted", async () => {
    const { secrets, key } = open();
    const first = await secrets.write(headerSecret("one", "1"));
    await secrets.write({ ...headerSecret("one", "2"), metadata: first.metadata }, { overwrite: true });
    await secrets.delete(ref("one"));
    expect((await vault.ask("GET", `secret/metadata/${key("one")}`)).status).toBe(404);
    expect((await vault.ask("GET", `secret/data/${key("one")}?version=1`)).status).toBe(404);
  });

  it("are not deleted if another version was written between the look and the deletion", async () => {
    const { secrets, key } = open();
    const first = await secrets.write(headerSecret("one", "1"));
    const version = first.metadata?.resourceVersion ?? "";
    through.answer = async (line) => {
      if (line.startsWith("POST /v1/secret/delete/")) await vault.putRaw(key("one"), rawHeader("one", "2"));
      return undefined;
    };
    await expect(secrets.delete(ref("one"), { resourceVersion: version })).rejects.toSatisfy(isConflict);
    expect(valueOf(await secrets.read(ref("one")))).toBe("2");
  });

  it("count as absent while their newest version is deleted or destroyed, and come back with it", async () => {
    const { secrets, key, watch } = open();
    await secrets.write(headerSecret("soft"));
    await secrets.write(headerSecret("hard"));
    const seen = watch();
    await seen.sees("gloo-system/hard", "gloo-system/soft");
    await vault.api("DELETE", `secret/data/${key("soft")}`);
    await vault.api("PUT", `secret/destroy/${key("hard")}`, { versions: [1] });
    await seen.sees();
    expect(seen.problems).toEqual([]);
    await expect(secrets.read(ref("soft"))).rejects.toSatisfy(isNotFound);
    await expect(secrets.delete(ref("hard"))).rejects.toSatisfy(isNotFound);
    await vault.api("POST", `secret/undelete/${key("soft")}`, { versions: [1] });
    await seen.sees("gloo-system/soft");
    const again = await secrets.write(headerSecret("hard", "again"));
    expect(again.metadata?.resourceVersion).toMatch(/^2-/);
    await seen.sees("gloo-system/hard", "gloo-system/soft");
  });

  it("are read once per version, however often the watch looks", async () => {
    const { secrets, key, watch } = open();
    for (const name of ["a", "b", "c"]) await vault.putRaw(key(name), rawHeader(name, "1"));
    const seen = watch();
    await seen.sees("gloo-system/a", "gloo-system/b", "gloo-system/c");
    const looks = () => through.requests.filter((line) => line.includes(`/metadata/${key("a")}`)).length;
    await waitFor(() => looks() > 5);
    await vault.putRaw(key("b"), rawHeader("b", "2"));
    await seen.until(({ items }) => valueOf(items.get("gloo-system/b")) === "2");
    await waitFor(() => looks() > 10);
    const reads = through.requests.filter((line) => line.startsWith("GET") && line.includes(`/data/${key("")}`));
    expect(reads.map((line) => line.slice(-1)).toSorted()).toEqual(["a", "b", "b", "c"]);
    await expect(secrets.list()).resolves.toMatchObject({ problems: [] });
    expect(through.requests.filter((line) => line.startsWith("GET") && line.includes(`/data/${key("")}`))).toEqual(
      reads,
    );
  });

  it("that lie where no resource can be are reported, and hide no other", async () => {
    const { secrets, rootKey, key } = open();
    await secrets.write(headerSecret("good"));
    await vault.putRaw(key("Not A Name"), { x: 1 });
    await vault.putRaw(key("too/deep"), { x: 1 });
    await vault.putRaw(`${rootKey}/gloo.solo.io/v1/Secret/shallow`, { x: 1 });
    await vault.putRaw(key("other"), rawHeader("someone-else", marked));
    const { items, problems } = await secrets.list();
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["good"]);
    const messages = problems.map(({ error }) => error.message).toSorted();
    expect(messages).toHaveLength(4);
    expect(messages.join("\n")).toMatch(/Not A Name: no resource can have this name/);
    expect(messages.join("\n")).toMatch(/too\/: not a place for a resource/);
    expect(messages.join("\n")).toMatch(/shallow: not a place for a resource/);
    expect(messages.join("\n")).toMatch(/metadata says "someone-else".*the key stands for other/);
    expect(messages.join("\n")).not.toContain(marked);
  });

  it("appear in no error, whatever is wrong with them", async () => {
    const { secrets, key } = open();
    await vault.putRaw(key("a"), { metadata: ref("a"), header: { headers: { authorization: [marked] } } });
    await vault.putRaw(key("b"), { metadata: ref("b"), tls: { privateKey: { [marked]: marked } } });
    await vault.putRaw(key("c"), { metadata: ref("c"), tls: { ocspStaple: `${marked}!` } });
    await vault.putRaw(key("d"), { metadata: ref("d"), oauth: { clientSecret: marked }, header: { headers: {} } });
    await vault.putRaw(key("e"), { metadata: ref("e"), tls: marked });
    const { items, problems } = await secrets.list();
    expect(items).toEqual([]);
    expect(problems).toHaveLength(5);
    for (const { error } of problems) {
      expect(`${error.message}\n${error.stack}\n${JSON.stringify(error)}`).not.toContain(marked);
      expect(error.message).toContain("secret/data/");
    }
  });
});

const valueOf = (secret: Secret | undefined): string | undefined =>
  secret?.kind?.$case === "header" ? secret.kind.value.headers.authorization : undefined;

const rawHeader = (name: string, value: string) => ({
  metadata: { name, namespace: "gloo-system" },
  header: { headers: { authorization: value } },
});

describe("a watch of Vault keeps what it knows, marks it stale and says why", () => {
  const bare404 = { status: 404, headers: { "content-type": "text/html" }, body: "<h1>not found</h1>" };
  const failing: readonly (readonly [
    string,
    (line: string) => { status: number; body?: string } | undefined,
    RegExp,
  ])[] = [
    ["an error of the server", () => ({ status: 500, body: '{"errors":["internal error"]}' }), /500 internal error/],
    ["a page of another server", () => bare404, /not an answer of Vault's: is the address right/],
    ["an unknown mount", () => ({ status: 404, body: '{"errors":["no handler for route"]}' }), /404 no handler/],
    ["an answer without its list", () => ({ status: 200, body: "{}" }), /refused the list/],
    ["too many requests", () => ({ status: 429, body: '{"errors":[]}' }), /its limit of requests is reached/],
    [
      "a list that is refused",
      (line) => (line.includes("list=true") ? { status: 403, body: '{"errors":["permission denied"]}' } : undefined),
      /403 permission denied; its token has expired or lacks a permission/,
    ],
    [
      "secrets that fail in the middle of a look",
      (line) => (line.includes("/one") ? { status: 502, body: '{"errors":["bad gateway"]}' } : undefined),
      /502 bad gateway/,
    ],
  ];
  it.each(failing)("on %s", async (_, answer, expected) => {
    const { secrets, watch } = open();
    await secrets.write(headerSecret("one"));
    const seen = watch();
    await seen.sees("gloo-system/one");
    through.answer = answer;
    await seen.until(({ isStale }) => isStale);
    const stale = seen.events.find(({ type }) => type === "stale");
    expect(stale?.type === "stale" && stale.error.message).toMatch(expected);
    await expect(secrets.list()).rejects.toSatisfy(isUnavailable);
    through.answer = undefined;
    await seen.until(({ isStale }) => !isStale);
    expect([...seen.items.keys()]).toEqual(["gloo-system/one"]);
    expect(seen.events.some(({ type }) => type === "changes")).toBe(false);
  });

  it("while it is sealed, and after a restart without its data", async () => {
    await using own = await startVault();
    const { secrets, key, watch } = open({ address: own.address, auth: { type: "token", token: own.token } });
    await secrets.write(headerSecret("one"));
    const seen = watch();
    await seen.sees("gloo-system/one");
    const lastStale = () => {
      const stale = seen.events.findLast(({ type }) => type === "stale");
      return stale?.type === "stale" ? stale.error.message : "";
    };
    await own.seal();
    await seen.until(({ isStale }) => isStale);
    expect(lastStale()).toMatch(/503 .*sealed/i);
    await own.unseal();
    await seen.until(({ isStale }) => !isStale);
    await own.kill();
    await seen.until(({ isStale }) => isStale);
    expect(lastStale()).toMatch(/doesn't answer|refused/);
    await own.start();
    await expect(secrets.list()).rejects.toThrow(/came back without the data it had.*restart this process/);
    expect([...seen.items.keys()]).toEqual(["gloo-system/one"]);
    expect(seen.isStale).toBe(true);
    // Restored, it is as before.
    await own.putRaw(key("one"), rawHeader("one", "restored"));
    await seen.until(({ isStale, items }) => !isStale && valueOf(items.get("gloo-system/one")) === "restored");
  });

  it("where one secret alone may not be read: only that one is a problem", async () => {
    const { secrets, rootKey } = open();
    await secrets.write(headerSecret("open"));
    await secrets.write(headerSecret("closed"));
    const token = await vault.createToken(`
path "secret/data/${rootKey}/*" { capabilities = ["read"] }
path "secret/metadata/${rootKey}/*" { capabilities = ["read", "list"] }
path "secret/data/${rootKey}/gloo.solo.io/v1/Secret/gloo-system/closed" { capabilities = ["deny"] }`);
    const limited = open({ rootKey, auth: { type: "token", token } });
    const { items, problems } = await limited.secrets.list();
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["open"]);
    expect(problems).toMatchObject([{ ref: ref("closed"), error: { code: "unavailable" } }]);
  });

  it("says what a key-value engine of version 1 lacks, rather than take it for an empty one", async () => {
    await vault.api("POST", "sys/mounts/old", { type: "kv", options: { version: "1" } });
    const { secrets } = open({ mount: "old" });
    await expect(secrets.list()).rejects.toThrow(/old of Vault at .* is no key-value engine of version 2/);
    await expect(secrets.read(ref("one"))).rejects.toSatisfy(isUnavailable);
  });

  it("follows a redirection to the active server, but not out of TLS or for ever", async () => {
    const { secrets } = open();
    let hops = 0;
    through.answer = (line) => {
      if (!line.includes("list=true") || hops++ > 0) return undefined;
      return { status: 307, headers: { location: `${vault.address}${line.slice(4)}` } };
    };
    expect((await secrets.list()).items).toEqual([]);
    expect(hops).toBeGreaterThan(0);
    through.answer = (line) => ({ status: 307, headers: { location: `${through.address}${line.slice(4)}` } });
    await expect(secrets.list()).rejects.toThrow(/too many redirections/);
  });

  it("gives up on a server that doesn't answer in time", async () => {
    await using stalled = await startTcpProxy({ port: vault.port });
    stalled.stall();
    const { secrets } = open({ timeout: 150, address: `http://127.0.0.1:${stalled.port}` });
    await expect(secrets.list()).rejects.toThrow(/no answer within 150 ms/);
  });
});
