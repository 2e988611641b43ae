import fc from "fast-check";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { glooBootstrap, type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Chain, createChain } from "./support/chain.ts";

const meta = (name: string, labels = "") => `metadata: {name: ${name}, namespace: gloo-system${labels}}`;

const gateway = (name: string, port: number, label: string) => `
apiVersion: gateway.solo.io/v1
kind: Gateway
${meta(name)}
spec: {bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {virtualServiceSelector: {${label}: "yes"}}, proxyNames: [gateway-proxy]}
---`;

/** @param onlyPath whether the virtual service has no route but for /only */
const virtualService = (name: string, domains: readonly string[], labels: string, body: string, onlyPath = false) => `
apiVersion: gateway.solo.io/v1
kind: VirtualService
${meta(name, `, labels: {${labels}}`)}
spec:
  virtualHost:
    domains: ${JSON.stringify(domains)}
    routes: [{matchers: [{${onlyPath ? "exact: /only" : "prefix: /"}}], directResponseAction: {status: 200, body: ${body}}}]
---`;

interface Served {
  readonly chain: Chain;
  readonly envoy: RunningEnvoy;
  /** Of the gateways `first` and `second`. */
  readonly ports: readonly [number, number];
  stop(): Promise<void>;
}

async function start(scopedRoutes: boolean, delta: boolean): Promise<Served> {
  const chain = createChain({ scopedRoutes });
  const ports = [await freePort(), await freePort()] as const;
  chain.apply(gateway("first", ports[0], "first") + gateway("second", ports[1], "second"));
  const server = await chain.serve();
  const envoy = await startEnvoy({ bootstrap: glooBootstrap({ xdsPort: server.port, delta }) });
  const stop = async (): Promise<void> => {
    await envoy.stop();
    await server.close();
  };
  return { chain, envoy, ports, stop };
}

/** What a request gets; a refused connection is status 0. */
async function ask(port: number, host: string, path = "/", headers: Record<string, string> = {}): Promise<string> {
  try {
    const { status, body } = await httpGet(`http://127.0.0.1:${port}${path}`, { headers: { host, ...headers } });
    return `${status} ${body}`;
  } catch {
    return "0";
  }
}

/** The virtual services under test, and one that shows that they are in force. */
function replaceAll({ chain }: Served, yaml: string, marker: string): void {
  const source = chain.source("VirtualService");
  for (const key of source.keys()) source.delete(key);
  chain.apply(yaml + virtualService("marker", ["marker.test"], 'first: "yes", second: "yes"', marker));
}

async function untilInForce({ ports, chain }: Served, marker: string): Promise<void> {
  for (const port of ports)
    await waitFor(async () => (await ask(port, "marker.test")) === `200 ${marker}`, { interval: 2 });
  // Each table of its own comes by itself.
  await waitFor(() => chain.quiet(), { interval: 2 });
}

// Few labels, so that domains shadow each other.
const label = fc.constantFrom("a", "b", "A", "xa");
const host = fc.oneof(
  fc.tuple(label, label).map((labels) => labels.join(".")),
  fc.tuple(label, label, label).map((labels) => labels.join(".")),
  label,
);
const port = fc.constantFrom("", "", ":80", ":8080");
const domain = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(host, port).map((parts) => parts.join("")) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom("*.", "*", "*-"), host).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.tuple(host, fc.constantFrom(".*", "*")).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.constant("*") },
);
const service = fc.record({
  domains: fc.uniqueArray(domain, { minLength: 1, maxLength: 4, selector: (it) => it.toLowerCase() }),
  first: fc.boolean(),
  second: fc.boolean(),
  onlyPath: fc.boolean(),
});
const asked = fc.record({
  host: fc.tuple(host, port).map((parts) => parts.join("")),
  path: fc.constantFrom("/", "/only"),
  listener: fc.constantFrom<0 | 1>(0, 1),
});

describe.each([
  { mode: "delta", delta: true },
  { mode: "state of the world", delta: false },
])("routes by scope, $mode", ({ delta }) => {
  let scoped: Served;
  let plain: Served;
  beforeAll(async () => {
    [scoped, plain] = await Promise.all([start(true, delta), start(false, delta)]);
  });
  afterAll(async () => {
    await Promise.all([scoped?.stop(), plain?.stop()]);
  });

  it("lead to where one plain table leads: wildcards, ports, letter case, two listeners in one Envoy", async () => {
    let run = 0;
    const statuses = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(service, { minLength: 1, maxLength: 6 }),
        fc.array(asked, { minLength: 30, maxLength: 30 }),
        async (services, requests) => {
          const marker = `run-${++run}`;
          const yaml = services
            .map(({ domains, first, second, onlyPath }, index) =>
              virtualService(
                `vs-${index}`,
                domains,
                `first: "${first ? "yes" : "no"}", second: "${second ? "yes" : "no"}"`,
                `vs-${index}`,
                onlyPath,
              ),
            )
            .join("");
          for (const one of [scoped, plain]) replaceAll(one, yaml, marker);
          for (const one of [scoped, plain]) await untilInForce(one, marker);
          for (const { host, path, listener } of requests) {
            const [got, expected] = await Promise.all(
              [scoped, plain].map(({ ports }) => ask(ports[listener], host, path)),
            );
            statuses.set(expected ?? "", (statuses.get(expected ?? "") ?? 0) + 1);
            expect(got, `${host}${path} at listener ${listener}`).toBe(expected);
          }
        },
      ),
      { numRuns: 25, endOnFailure: true },
    );
    // It would prove little if all requests led nowhere, or all to one place.
    expect(statuses.get("404 ")).toBeGreaterThan(20);
    expect(statuses.size).toBeGreaterThan(4);
  }, 60_000);

  it("can't be chosen by a client", async () => {
    replaceAll(
      scoped,
      virtualService("inner", ["inner.test"], 'first: "yes"', "inner") +
        virtualService("all", ["*"], 'first: "yes"', "all"),
      "chosen",
    );
    await untilInForce(scoped, "chosen");
    const [first] = scoped.ports;
    const scope = `listener-127.0.0.1-${first} inner.test`;
    expect(await ask(first, "outer.test", "/", { "x-epoxy-scope": scope })).toBe("200 all");
    expect(await ask(first, "INNER.test", "/", { "x-epoxy-scope": "listener *" })).toBe("200 inner");
  });

  it("need the filter that corrects them for no request that an exact domain's route answers", async () => {
    replaceAll(
      scoped,
      virtualService("exact", ["exact.test"], 'first: "yes"', "exact", true) +
        virtualService("wild", ["*.test"], 'first: "yes"', "wild"),
      "without",
    );
    await untilInForce(scoped, "without");
    const [first] = scoped.ports;
    const executions = async (host: string, path: string): Promise<[string, number]> => {
      const before = (await scoped.envoy.stat("http.http.lua.executions")) ?? Number.NaN;
      const answer = await ask(first, host, path);
      return [answer, ((await scoped.envoy.stat("http.http.lua.executions")) ?? Number.NaN) - before];
    };
    expect(await executions("exact.test", "/only")).toEqual(["200 exact", 0]);
    expect(await executions("exact.test", "/other")).toEqual(["404 ", 1]);
    expect(await executions("EXACT.test", "/only")).toEqual(["200 exact", 1]);
    expect(await executions("wild.test", "/")).toEqual(["200 wild", 1]);
  });

  it("stay out of what backends see", async () => {
    const backend = await startBackend();
    replaceAll(scoped, backend.routes("seen", ["seen.test", "*.seen.test"]), "seen");
    await untilInForce(scoped, "seen");
    for (const host of ["seen.test", "SEEN.test", "sub.seen.test"]) {
      const answer = await ask(scoped.ports[0], host);
      expect(answer.slice(0, 3)).toBe("200");
      expect(answer).toContain("x-request-id");
      expect(answer).not.toContain("scope");
    }
    await backend.close();
  });

  it("never change a listener: a WebSocket survives 1,000 edits of virtual services, with wildcards too", async () => {
    const backend = await startBackend();
    const [first] = scoped.ports;
    replaceAll(scoped, backend.routes("exact", ["exact.test"]), "socket");
    await untilInForce(scoped, "socket");
    const socket = await openWebSocket(first, "exact.test");
    expect(await socket.echo("before")).toBe("before");
    const modified = await scoped.envoy.stat("listener_manager.listener_modified");
    // The first wildcard of all, and at the end the last one goes.
    scoped.chain.apply(backend.routes("wild", ["*.wild.test"]));
    await waitFor(async () => (await ask(first, "a.wild.test")).startsWith("200"));
    const wild = await openWebSocket(first, "a.wild.test");
    expect(await wild.echo("before")).toBe("before");
    for (let edit = 0; edit < 1_000; edit++) {
      const name = `edited-${edit % 7}`;
      const domains = [`${name}.test`, `*.${name}.test`, `${name}.*`].slice(edit % 3);
      if (edit % 5 === 4) scoped.chain.remove("VirtualService", name);
      else scoped.chain.apply(virtualService(name, domains, 'first: "yes"', `edit-${edit}`));
      // So that Envoy gets many of them, and not only the last.
      if (edit % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    scoped.chain.apply(virtualService("last", ["*.last.test"], 'first: "yes"', "last"));
    await waitFor(async () => (await ask(first, "x.last.test")) === "200 last");
    expect(await wild.echo("after")).toBe("after");
    // Before its cluster goes with its virtual service.
    wild.close();
    for (const key of scoped.chain.source("VirtualService").keys()) {
      const name = key.slice(key.indexOf("/") + 1);
      if (name !== "exact") scoped.chain.remove("VirtualService", name);
    }
    await waitFor(async () => (await ask(first, "a.wild.test")).startsWith("404"));
    expect(await socket.echo("after")).toBe("after");
    expect(await scoped.envoy.stat("listener_manager.listener_modified")).toBe(modified);
    socket.close();
    await backend.close();
  });
});

/** A backend that answers with the names of the headers it got, and echoes on upgraded connections. */
async function startBackend() {
  const sockets = new Set<Duplex>();
  const server = createServer((incoming, response) => response.end(Object.keys(incoming.headers).join(" ")));
  server.on("upgrade", (_incoming, socket: Duplex) => {
    sockets.add(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
    socket.pipe(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    /** An Upstream, and a virtual service that leads to it. */
    routes: (name: string, domains: readonly string[]) => `
apiVersion: gloo.solo.io/v1
kind: Upstream
${meta(name)}
spec: {static: {hosts: [{addr: 127.0.0.1, port: ${port}}]}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
${meta(name, ', labels: {first: "yes"}')}
spec:
  virtualHost:
    domains: ${JSON.stringify(domains)}
    routes: [{routeAction: {single: {upstream: {name: ${name}, namespace: gloo-system}}}}]
---`,
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function openWebSocket(port: number, host: string) {
  const headers = { host, connection: "upgrade", upgrade: "websocket" };
  const outgoing = request({ host: "127.0.0.1", port, headers });
  const socket = await new Promise<Duplex>((resolve, reject) => {
    outgoing.once("upgrade", (_answer, upgraded: Duplex) => resolve(upgraded));
    outgoing.once("response", ({ statusCode }) => reject(new Error(`no upgrade, but ${statusCode}`)));
    outgoing.once("error", reject);
    outgoing.end();
  });
  return {
    /** Rejects if the connection has ended. */
    echo: (text: string) =>
      new Promise<string>((resolve, reject) => {
        socket.once("data", (bytes: Buffer) => resolve(bytes.toString()));
        socket.once("close", () => reject(new Error("the connection was closed")));
        socket.once("end", () => reject(new Error("the connection was ended")));
        socket.write(text);
      }),
    close: () => void socket.destroy(),
  };
}
