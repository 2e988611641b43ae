import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findOrFetch } from "../../scripts/binaries.ts";
import { startPetstore } from "../../scripts/petstore.ts";
import { blockingQuery, createConsulClient } from "../../src/consul/index.ts";
import { EpoxyError, errorCode } from "../../src/errors/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { freePort } from "../support/free-port.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const { signal } = new AbortController();
const failureOf = (promise: Promise<unknown>): Promise<EpoxyError> =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: EpoxyError) => error,
  );

describe("with a Consul", () => {
  let consul: RunningConsul;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul.stop());

  test("a conditional write tells the new index, or that the condition doesn't hold", async () => {
    await using client = createConsulClient({ address: consul.address });
    const created = await client.kvPut("cas/a", "ä1", 0, { signal });
    expect((await client.kvRead("cas/a", { signal })).value).toMatchObject({ key: "cas/a", modifyIndex: created });
    expect((await client.kvRead("cas/a", { signal })).value?.text()).toBe("ä1");
    expect(await client.kvPut("cas/a", "2", 0, { signal })).toBeUndefined();
    const changed = await client.kvPut("cas/a", "3", created ?? -1, { signal });
    expect(changed).toBeGreaterThan(created ?? Number.POSITIVE_INFINITY);
    expect(await client.kvDelete("cas/a", created ?? -1, { signal })).toBe(false);
    expect(await client.kvDelete("cas/a", changed ?? -1, { signal })).toBe(true);
    expect((await client.kvRead("cas/a", { signal })).value).toBeUndefined();
  });

  test("values too large for a transaction are written conditionally, too, up to Consul's limit", async () => {
    await using client = createConsulClient({ address: consul.address });
    const large = "x".repeat(500_000);
    const created = await client.kvPut("large/a", large, 0, { signal });
    expect(
      (await client.kvList("large/", { signal })).value
        .entries()
        .map((entry) => [entry.modifyIndex, entry.text().length]),
    ).toEqual([[created, 500_000]]);
    expect(await client.kvPut("large/a", large, 0, { signal })).toBeUndefined();
    const error = await failureOf(client.kvPut("large/b", "x".repeat(600_000), 0, { signal }));
    expect(errorCode(error)).toBe("invalid");
    expect(error.message).toMatch(/^large\/b is too large for Consul: 600000 bytes/);
  });

  test("a blocking query yields at once, then for each change, and a signal closes its connection", async () => {
    await using proxy = await startTcpProxy({ port: consul.port });
    await using client = createConsulClient({ address: `127.0.0.1:${proxy.port}` });
    const stop = new AbortController();
    const seen: string[][] = [];
    const ask = (index: number | undefined) => client.kvList("watched/", { signal: stop.signal, index });
    const done = (async () => {
      for await (const { value } of blockingQuery(ask, stop.signal))
        seen.push(value.entries().map((entry) => entry.text()));
    })();
    await waitFor(() => seen.length === 1);
    await consul.api("PUT", "/v1/kv/watched/a", "1");
    await waitFor(() => seen.length === 2);
    await consul.api("DELETE", "/v1/kv/watched/a");
    await waitFor(() => seen.length === 3);
    expect(seen).toEqual([[], ["1"], []]);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(done).rejects.toBe(reason);
    // The one left is idle: that of the first question, which did not wait.
    await waitFor(() => proxy.connections() <= 1);
  });

  test("a query that is never answered ends with its timeout", async () => {
    await using proxy = await startTcpProxy({ port: consul.port });
    await using client = createConsulClient({ address: `127.0.0.1:${proxy.port}`, timeout: 100 });
    proxy.stall();
    const error = await failureOf(client.kvRead("a", { signal }));
    expect(errorCode(error)).toBe("unavailable");
    expect(error.message).toMatch(/doesn't answer \(reading a\):.*timed out/);
  });
});

test("a refused connection names the address and the reason", async () => {
  const port = await freePort();
  await using client = createConsulClient({ address: `127.0.0.1:${port}` });
  const error = await failureOf(client.services({ signal }));
  expect(error.message).toBe(`Consul at http://127.0.0.1:${port} doesn't answer (the services): ECONNREFUSED`);
});

test("an answer of something that is not Consul is told as such", async () => {
  await using other = createServer((_, response) => response.end("[]")).listen(0, "127.0.0.1");
  await waitFor(() => other.listening);
  await using client = createConsulClient({ address: `127.0.0.1:${(other.address() as AddressInfo).port}` });
  expect((await failureOf(client.services({ signal }))).message).toMatch(/is not Consul/);
  await using petstore = await startPetstore();
  await using client2 = createConsulClient({ address: `127.0.0.1:${petstore.port}` });
  expect((await failureOf(client2.services({ signal }))).message).toMatch(/refused the services: 404/);
});

test("an answer that breaks off in the middle is an error at once", async () => {
  const server = createTcpServer((socket) => {
    socket.once("data", () => {
      const head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Index: 5\r\nContent-Length: 100\r\n\r\n";
      socket.write(`${head}{"a":`, () => socket.resetAndDestroy());
    });
  }).listen(0, "127.0.0.1");
  await waitFor(() => server.listening);
  await using client = createConsulClient({ address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
  const error = await failureOf(client.services({ signal }));
  expect(error.message).toMatch(/doesn't answer \(the services\): ECONNRESET/);
  server.close();
});

test("what answers a blocking query at once, again and again, is not asked in a busy loop", async () => {
  let asked = 0;
  const ask = async () => {
    asked++;
    return { value: 1, index: 7, answeredAt: 0 };
  };
  const stop = new AbortController();
  const seen: number[] = [];
  const done = (async () => {
    for await (const { index } of blockingQuery(ask, stop.signal)) seen.push(index);
  })();
  await waitFor(() => asked === 3);
  stop.abort();
  await expect(done).rejects.toThrow(/abort/);
  expect(seen).toEqual([7]);
});

test("an index that goes back is reported and waited with", async () => {
  const answers = [9, 12, 3, 4];
  const asked: (number | undefined)[] = [];
  const ask = async (index: number | undefined) => {
    asked.push(index);
    const next = answers.shift();
    if (next === undefined) throw new Error("no more");
    return { value: undefined, index: next, answeredAt: 0 };
  };
  const seen: boolean[] = [];
  const read = async () => {
    for await (const { wentBack } of blockingQuery(ask, signal, 10)) seen.push(wentBack);
  };
  await expect(read()).rejects.toThrow("no more");
  expect(seen).toEqual([true, false, true, false]);
  expect(asked).toEqual([undefined, 9, 12, 3, 4]);
});

test("a Consul that asks for certificates is reached with the CA's, the client's and its key", async () => {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-tls-"));
  const run = promisify(execFile);
  const binary = await findOrFetch("consul");
  await run(binary, ["tls", "ca", "create"], { cwd: folder });
  await run(binary, ["tls", "cert", "create", "-server", "-additional-ipaddress", "127.0.0.1"], { cwd: folder });
  await run(binary, ["tls", "cert", "create", "-client"], { cwd: folder });
  const file = (name: string): string => join(folder, name);
  const https = await freePort();
  await using consul = await startConsul({
    config: {
      ports: { https },
      ca_file: file("consul-agent-ca.pem"),
      cert_file: file("dc1-server-consul-0.pem"),
      key_file: file("dc1-server-consul-0-key.pem"),
      verify_incoming_https: true,
    },
  });
  await consul.api("PUT", "/v1/kv/a", "1");
  const tls = {
    ca: file("consul-agent-ca.pem"),
    cert: file("dc1-client-consul-0.pem"),
    key: file("dc1-client-consul-0-key.pem"),
  };
  await using client = createConsulClient({ address: `127.0.0.1:${https}`, tls });
  expect((await client.kvRead("a", { signal })).value?.text()).toBe("1");
  await using unknownAuthority = createConsulClient({ address: `127.0.0.1:${https}`, scheme: "https" });
  expect((await failureOf(unknownAuthority.kvRead("a", { signal }))).message).toMatch(
    /doesn't answer.*(SELF_SIGNED|UNABLE_TO)/,
  );
  expect(() => createConsulClient({ tls: { ca: file("none.pem") } })).toThrow(
    /the CA's certificate for Consul can't be read: .*none\.pem/,
  );
  await rm(folder, { recursive: true });
});
