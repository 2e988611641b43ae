import { mkdtemp, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { startConsul } from "../support/consul.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "../e2e/support/gloo-bootstrap.ts";
import { writeTree } from "../e2e/support/gloo-file-example.ts";
import { get } from "../e2e/support/served.ts";

const answering = (name: string, domain: string, body: string, options = "{}"): string =>
  `metadata: {name: ${name}, namespace: gloo-system}\nvirtualHost: {domains: [${domain}], options: ${options}, routes: [{directResponseAction: {status: 200, body: ${body}}}]}\n`;

const logger = (lines: string[]) => {
  const log = (_fields: object, message: string) => void lines.push(message);
  return { debug: log, info: log, warn: log, error: log };
};

describe("a control plane that is started again", () => {
  let folder: string;
  let port: number;
  let xdsPort: number;
  let controlPlane: ControlPlane | undefined;
  let envoy: RunningEnvoy;
  let log: string[] = [];
  let marks = 0;
  const write = (files: Readonly<Record<string, string>>) => writeTree(join(folder, "config"), files);
  const service = (name: string): string => `virtualservices/gloo-system/${name}.yaml`;
  const body = async (host: string): Promise<string> => {
    const answer = await get(port, "/", { host });
    return answer.status === 200 ? answer.body : `${answer.status}`;
  };
  /** Waits until Envoy has all that the control plane has to tell by now. */
  const settled = async (): Promise<void> => {
    const mark = `mark-${++marks}`;
    await write({ [service("mark")]: answering("mark", "mark.test", mark) });
    await waitFor(async () => (await body("mark.test")) === mark);
  };
  const start = async (): Promise<void> => {
    log = [];
    controlPlane = await createControlPlane({
      dataDirectory: folder,
      xdsAddress: { host: "127.0.0.1", port: xdsPort },
      logger: logger(log),
    });
    await settled();
  };
  const stop = async (): Promise<void> => {
    await controlPlane?.close();
    controlPlane = undefined;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-again-"));
    [port, xdsPort] = [await freePort(), await freePort()];
    await write({
      "gateways/gloo-system/gateway-proxy.yaml": `{metadata: {name: gateway-proxy, namespace: gloo-system}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}}`,
      [service("kept")]: answering("kept", "kept.test", "kept"),
      [service("deleted")]: answering("deleted", "deleted.test", "deleted"),
      [service("later")]: answering("later", "claimed.test", "owner"),
      [service("strict")]: answering("strict", "strict.test", "good"),
    });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(xdsPort) });
    await start();
  });
  afterAll(async () => {
    await stop();
    await envoy?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("serves what it served of a file that can't be read any more, until that is repaired or deleted; what was deleted goes", async () => {
    expect([await body("kept.test"), await body("deleted.test")]).toEqual(["kept", "deleted"]);
    await stop();
    await write({ [service("kept")]: "metadata: {name: kept, namespace: gloo-system\n" });
    await unlink(join(folder, "config", service("deleted")));
    await start();
    expect([await body("kept.test"), await body("deleted.test")]).toEqual(["kept", "404"]);
    expect(log).toContainEqual(expect.stringMatching(/VirtualService gloo-system\.kept .*last good version/));
    expect(log).toContainEqual(expect.stringMatching(/kept\.yaml.*\(the last good version stays in force\)/s));
    // Over a second restart, too.
    await stop();
    await start();
    expect(await body("kept.test")).toBe("kept");
    await write({ [service("kept")]: answering("kept", "kept.test", "repaired") });
    await waitFor(async () => (await body("kept.test")) === "repaired");
    await stop();
    await write({ [service("kept")]: "]" });
    await start();
    expect(await body("kept.test")).toBe("repaired");
    await unlink(join(folder, "config", service("kept")));
    await waitFor(async () => (await body("kept.test")) === "404");
  }, 60_000);

  it("serves all of a file of several resources when one of them, or the whole, can't be read any more", async () => {
    const bodies = () => Promise.all(["first", "second", "third"].map((name) => body(`${name}.test`)));
    const third = answering("third", "third.test", "third");
    await write({
      [service("first")]: [
        answering("first", "first.test", "first"),
        answering("second", "second.test", "second"),
        third,
      ].join("---\n"),
    });
    await waitFor(async () => (await body("third.test")) === "third");
    await stop();
    const edited = answering("first", "first.test", "edited");
    const broken = "metadata: {name: second, namespace: gloo-system\n";
    await write({ [service("first")]: [edited, broken, third].join("---\n") });
    await start();
    expect(await bodies()).toEqual(["edited", "second", "third"]);
    expect(log).toContainEqual(expect.stringMatching(/VirtualService gloo-system\.second .*last good version/));
    expect(log).toContainEqual(expect.stringMatching(/first\.yaml:5:1: not valid YAML/));
    await stop();
    await start();
    expect(await bodies()).toEqual(["edited", "second", "third"]);
    const mended = answering("second", "second.test", "mended");
    await write({ [service("first")]: [edited, mended, third].join("---\n") });
    await waitFor(async () => (await body("second.test")) === "mended");
    await stop();
    await write({ [service("first")]: "]" });
    await start();
    expect(await bodies()).toEqual(["edited", "mended", "third"]);
    await write({ [service("first")]: third });
    await waitFor(async () => (await body("second.test")) === "404");
    expect(await bodies()).toEqual(["404", "404", "third"]);
  }, 60_000);

  it("leaves a domain to the one that has it, whoever claims it meanwhile", async () => {
    expect(await body("claimed.test")).toBe("owner");
    await stop();
    await write({ [service("earlier")]: answering("earlier", "claimed.test", "newcomer") });
    await start();
    expect(await body("claimed.test")).toBe("owner");
    await unlink(join(folder, "config", service("later")));
    await waitFor(async () => (await body("claimed.test")) === "newcomer");
  }, 60_000);

  it("keeps the last good version of a virtual host that can't be built any more", async () => {
    expect(await body("strict.test")).toBe("good");
    await stop();
    const faulty = "{headerManipulation: {requestHeadersToAdd: [{header: {key: 'not a name', value: x}}]}}";
    await write({ [service("strict")]: answering("strict", "strict.test", "bad", faulty) });
    await start();
    expect(await body("strict.test")).toBe("good");
    await write({ [service("strict")]: answering("strict", "strict.test", "mended") });
    await waitFor(async () => (await body("strict.test")) === "mended");
  }, 60_000);
});

describe("a control plane whose Consul is down when it is started", () => {
  it("serves a new Envoy what it served before, says what it waits for, goes on when Consul is back, and tells when it is away again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "epoxy-down-"));
    const [port, xdsPort, adminPort] = [await freePort(), await freePort(), await freePort()];
    await using consul = await startConsul({ persistent: true });
    const put = (name: string, text: string) => consul.api("PUT", `/v1/kv/gloo/gateway.solo.io/v1/${name}`, text);
    await put(
      "Gateway/gloo-system/gateway-proxy",
      `{metadata: {name: gateway-proxy, namespace: gloo-system}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}}`,
    );
    await put("VirtualService/gloo-system/a", answering("a", "'*'", "saved"));
    await writeTree(folder, {
      "gloo-system/default.yaml": `{metadata: {name: default, namespace: gloo-system}, consul: {address: "${consul.address}"}, consulKvSource: {}}`,
    });
    const log: string[] = [];
    const options = {
      dataDirectory: folder,
      xdsAddress: { host: "127.0.0.1", port: xdsPort },
      adminAddress: { host: "127.0.0.1", port: adminPort },
      logger: logger(log),
    };
    const answer = async (): Promise<string> => (await get(port)).body;
    {
      await using first = await createControlPlane(options);
      const before = await startEnvoy({ bootstrap: glooBootstrap(xdsPort) });
      await waitFor(async () => (await answer()) === "saved");
      await before.stop();
      await first.close();
    }
    await consul.kill();
    await using second = await createControlPlane(options);
    await using envoy = await startEnvoy({ bootstrap: glooBootstrap(xdsPort) });
    await waitFor(async () => (await answer()) === "saved");
    const ready = await httpGet(`http://127.0.0.1:${adminPort}/readyz`);
    expect(ready.status).toBe(503);
    expect(ready.body).toContain("virtualservices");
    expect(log).toContain("the sources aren't read yet: serving what was served before the restart");
    await consul.start();
    await put("VirtualService/gloo-system/a", answering("a", "'*'", "fresh"));
    await waitFor(async () => (await answer()) === "fresh", { timeout: 20_000 });
    const readyz = () => httpGet(`http://127.0.0.1:${adminPort}/readyz`);
    await waitFor(async () => (await readyz()).body === "ok\n");
    await consul.kill();
    const away = await waitFor(async () => {
      const answer = await readyz();
      return /^ok\n.*^virtualservices: .*ECONN/ms.test(answer.body) && answer;
    });
    expect(away.status).toBe(200);
    expect(second.readiness().ready).toBe(true);
    expect(await answer()).toBe("fresh");
    // What isn't read isn't empty.
    expect(`${ready.body}${log.join("\n")}`).not.toContain("there is nothing at all");
    expect(envoy.log()).not.toMatch(/rejected/i);
    await rm(folder, { recursive: true, force: true });
  }, 60_000);
});

describe("a control plane whose Consul has lost everything while it was down", () => {
  it("goes on serving what it served, says so, and takes the emptiness for meant when told so or when there is something", async () => {
    const folder = await mkdtemp(join(tmpdir(), "epoxy-lost-"));
    const [port, xdsPort, adminPort] = [await freePort(), await freePort(), await freePort()];
    await using consul = await startConsul();
    const put = (name: string, text: string) => consul.api("PUT", `/v1/kv/gloo/gateway.solo.io/v1/${name}`, text);
    const fill = async (): Promise<void> => {
      await put(
        "Gateway/gloo-system/gateway-proxy",
        `{metadata: {name: gateway-proxy, namespace: gloo-system}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}}`,
      );
      await put("VirtualService/gloo-system/a", answering("a", "'*'", "served"));
    };
    const lose = () => consul.api("DELETE", "/v1/kv/gloo?recurse");
    await writeTree(folder, {
      "gloo-system/default.yaml": `{metadata: {name: default, namespace: gloo-system}, consul: {address: "${consul.address}"}, consulKvSource: {}}`,
    });
    const log: string[] = [];
    const options = {
      dataDirectory: folder,
      xdsAddress: { host: "127.0.0.1", port: xdsPort },
      adminAddress: { host: "127.0.0.1", port: adminPort },
      logger: logger(log),
    };
    const admin = (path: string) => httpGet(`http://127.0.0.1:${adminPort}${path}`);
    const answer = async (): Promise<string> => (await get(port)).body;
    await fill();
    const envoy = await startEnvoy({ bootstrap: glooBootstrap(xdsPort) });
    try {
      {
        await using _ = await createControlPlane(options);
        await waitFor(async () => (await answer()) === "served");
        await waitFor(async () => (await admin("/metrics")).body.includes("epoxy_leader 1"));
      }
      await lose();
      {
        await using _ = await createControlPlane(options);
        await waitFor(async () => (await admin("/readyz")).body.includes("there is nothing at all in the sources"));
        expect(log).toContainEqual(expect.stringContaining("--accept-empty"));
        await waitFor(async () => JSON.parse((await admin("/debug/xds")).body).streams.length === 1);
        expect(await answer()).toBe("served");
        await fill();
        await put("VirtualService/gloo-system/a", answering("a", "'*'", "restored"));
        await waitFor(async () => (await answer()) === "restored");
        expect((await admin("/readyz")).status).toBe(200);
      }
      await lose();
      await using _ = await createControlPlane({ ...options, acceptEmpty: true });
      await waitFor(async () => (await get(port)).status === 0);
    } finally {
      await envoy.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
