import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServe, type ServeProcess } from "../e2e/support/serve-process.ts";
import { freePorts } from "../support/free-port.ts";
import { type Bed, createBed } from "./support/epoxy.ts";

const files = {
  "config/gateways/gloo-system/http.yaml": `
metadata: {name: http, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: 18080
httpGateway: {}
proxyNames: [gateway-proxy]
`,
  "config/virtualservices/gloo-system/shop.yaml": `
metadata: {name: shop, namespace: gloo-system}
virtualHost:
  domains: [shop.example]
  routes:
  - matchers: [{prefix: /}]
    directResponseAction: {status: 200, body: hello}
`,
};

describe("epoxy get proxy, beside a running control plane that stores no Proxy", () => {
  let bed: Bed;
  let serving: ServeProcess;
  let admin: string;
  let silent: string;

  beforeAll(async () => {
    const [xdsPort = 0, adminPort = 0, unused = 0] = await freePorts(3);
    [admin, silent] = [`--admin-address 127.0.0.1:${adminPort}`, `--admin-address 127.0.0.1:${unused}`];
    bed = await createBed(files);
    serving = startServe({ folder: bed.dir, xdsPort, adminPort });
    await serving.ready();
  });
  afterAll(async () => {
    await serving?.stop();
    await bed?.[Symbol.asyncDispose]();
  });

  it("prints the Proxy that it serves, and says where that is from", async () => {
    const { code, stdout, stderr } = await bed.run(`get proxy gateway-proxy -o yaml ${admin}`);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "note: no such proxy is stored; this is what the control plane serves\n",
    });
    expect(stdout).toContain("name: gateway-proxy");
    expect(stdout).toContain("bindPort: 18080");
    expect(stdout).toContain("shop.example");
    expect(stdout).toContain("body: hello");
  });

  it("prints it as a table, as JSON, by label and for another namespace", async () => {
    const table = await bed.run(`get proxies --served ${admin}`);
    expect(table.stderr).toBe("");
    expect(table.stdout).toMatch(/gateway-proxy +\| gloo-system +\| gateway +\| 127\.0\.0\.1:18080 +\| 1 /);
    const [one] = JSON.parse((await bed.run(`get proxies --served --json -l created_by=gateway ${admin}`)).stdout);
    expect(one).toMatchObject({ metadata: { name: "gateway-proxy" }, listeners: [{ bindPort: 18080 }] });
    expect(JSON.parse((await bed.run(`get proxies --served --json -l created_by=me ${admin}`)).stdout)).toEqual([]);
    expect(JSON.parse((await bed.run(`get proxies --served --json -n other ${admin}`)).stdout)).toEqual([]);
  });

  it("names a Proxy that isn't served", async () => {
    const { code, stderr } = await bed.run(`get proxy nobody --served ${admin}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/serves no Proxy gloo-system\/nobody/);
  });

  it("prefers a stored Proxy, which --served passes over", async () => {
    await using stored = await createBed({
      "config/proxies/gloo-system/gateway-proxy.yaml":
        "metadata: {name: gateway-proxy, namespace: gloo-system}\nlisteners: [{name: a, bindAddress: '::', bindPort: 4242, tcpListener: {}}]\n",
    });
    const plain = await stored.run(`get proxy gateway-proxy -o yaml ${admin}`);
    expect({ stderr: plain.stderr, port: plain.stdout.includes("bindPort: 4242") }).toEqual({ stderr: "", port: true });
    expect((await stored.run(`get proxy gateway-proxy --served -o yaml ${admin}`)).stdout).toContain("bindPort: 18080");
  });

  it("says that the control plane doesn't answer: an error with --served, else a note", async () => {
    const strict = await bed.run(`get proxies --served ${silent}`);
    expect(strict.code).toBe(1);
    expect(strict.stderr).toMatch(/^error: the control plane's admin server .* doesn't answer: nothing listens there/);
    const plain = await bed.run(`get proxies ${silent}`);
    expect(plain.code).toBe(0);
    expect(plain.stderr).toMatch(/^note: no such proxy is stored.*nothing listens there/);
    const named = await bed.run(`get proxy gateway-proxy ${silent}`);
    expect(named.code).toBe(1);
    expect(named.stderr).toContain("error: ");
  });

  it("refuses --served for another kind, and with --watch", async () => {
    expect((await bed.run("get upstreams --served")).stderr).toContain("--served is for proxies");
    expect((await bed.run("get proxies --served --watch")).stderr).toContain("leave out --watch");
  });
});
