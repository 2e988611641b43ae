import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findOrFetch } from "../../scripts/binaries.ts";
import { startConsul } from "../support/consul.ts";
import { createBed, epoxy } from "./support/epoxy.ts";

const upstream = (name: string) => `
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: ${name}, namespace: gloo-system}
spec: {static: {hosts: [{addr: 127.0.0.1, port: 8080}]}}
`;
const virtualService = (name: string, domain: string, routes: string) => `
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: gloo-system}
spec:
  virtualHost:
    domains: ['${domain}']
    routes:${routes}
`;
const route = (matcher: string, destination: string) => `
    - matchers: [${matcher}]
      routeAction: {single: {upstream: {name: ${destination}}}}`;

/** Problems of a file, each as `line severity message`. */
async function problemsOf(text: string): Promise<string[]> {
  const { code, stdout, stderr } = await epoxy(["validate", "-", "--json"], { input: text });
  expect(stderr).toBe("");
  const { problems } = JSON.parse(stdout) as {
    problems: { line: number; severity: string; message: string; advice?: string }[];
  };
  expect(code).toBe(problems.length === 0 ? 0 : 1);
  return problems.map(({ line, severity, message, advice = "" }) => `${line} ${severity} ${message} ${advice}`.trim());
}

describe.concurrent("epoxy validate", () => {
  it("says that nothing is wrong, and with what", async () => {
    const text = virtualService("shop", "*", route("{prefix: /}", "cart")) + "---" + upstream("cart");
    expect(await epoxy(["validate", "-"], { input: text })).toEqual({
      code: 0,
      stdout: "No problems found in 2 resources.\n",
      stderr: "",
    });
  });

  it("doesn't find in order what has nothing in it", async () => {
    const { code, stderr } = await epoxy(["validate", "-"], { input: "# nothing yet\n" });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "error: -: there is nothing in it\n" });
  });

  it("names unknown fields and wrong types with their lines, of all documents at once", async () => {
    const text = `${upstream("a").replace("static", "statc")}---${upstream("b").replace("8080", "many")}`;
    expect(await problemsOf(text)).toEqual([
      '5 error spec.statc: unknown field: did you mean "static"?',
      expect.stringMatching(/^10 error spec\.static\.hosts\[0\]\.port: expected/),
    ]);
  });

  it("finds references into nothing, also in what nothing serves", async () => {
    const text =
      virtualService("shop", "*", route("{prefix: /}", "cartt")) +
      "---" +
      upstream("cart") +
      `---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: unused, namespace: gloo-system}
spec:
  routes:
  - delegateAction: {ref: {name: gone, namespace: gloo-system}}
---
apiVersion: gloo.solo.io/v1
kind: UpstreamGroup
metadata: {name: canary, namespace: gloo-system}
spec:
  destinations:
  - {weight: 1, destination: {upstream: {name: gone, namespace: gloo-system}}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: lambda, namespace: gloo-system}
spec:
  aws: {region: us-east-1, secretRef: {name: gone, namespace: gloo-system}}
`;
    const problems = await problemsOf(text);
    expect(problems).toContainEqual(
      "10 warning Route Warning: InvalidDestinationWarning. Reason: *v1.Upstream { gloo-system.cartt } not found did you mean gloo-system.cart?",
    );
    expect(problems).toContainEqual(
      "22 error RouteTable gloo-system.gone not found create it, or correct the reference",
    );
    expect(problems).toContainEqual(expect.stringMatching(/^29 warning .*gloo-system\.gone .*create it/));
    expect(problems).toContainEqual("35 error Secret gloo-system.gone not found create it, or correct the reference");
  });

  it("finds certificates that aren't there once, in Gloo's words, and resources that nothing serves", async () => {
    const limits = "apiVersion: ratelimit.solo.io/v1alpha1\nkind: RateLimitConfig\n";
    const text = `apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: tls, namespace: gloo-system}
spec: {ssl: true, bindAddress: '::', bindPort: 8443, httpGateway: {}}
---${virtualService("shop", "*", "").replace("spec:", "spec:\n  sslConfig: {secretRef: {name: gone}}")}---
${limits}metadata: {name: limits, namespace: gloo-system}
spec: {raw: {}}
`;
    const problems = await problemsOf(text);
    expect(problems.filter((it) => it.includes("gone"))).toEqual([
      "10 error SSL secret not found: list did not find secret gloo-system.gone create it, or correct the reference",
    ]);
    expect(problems).toContainEqual(
      expect.stringMatching(
        /^\d+ error The Gloo Advanced Rate limit API feature 'RateLimitConfig' is enterprise-only, /,
      ),
    );
  });

  it("finds domains and addresses that are claimed twice", async () => {
    const gateway = (name: string) => `---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: 8080, httpGateway: {}}
`;
    const text =
      virtualService("a", "x.com", "") + "---" + virtualService("b", "X.com", "") + gateway("one") + gateway("two");
    const problems = (await problemsOf(text)).join("\n");
    expect(problems).toMatch(
      /^7 error domain conflict: the \[x\.com\] domain .*gloo-system\.b\] remove the domain from/m,
    );
    expect(problems).toMatch(
      /^15 error domain conflict: the \[x\.com\] domain .*gloo-system\.a\] remove the domain from/m,
    );
    expect(problems).toMatch(
      /^21 error bind address not unique: :::8080 .*gloo-system\.two give one of them another bindPort/m,
    );
    expect(problems).toMatch(
      /^26 error bind address not unique: :::8080 .*gloo-system\.one give one of them another bindPort/m,
    );
  });

  it("finds what is wrong with routes of virtual services that a conflict, or their gateways, keep from being served", async () => {
    const routes = `${route("{prefix: /}", "gone")}${route("{regex: '/a('}", "cart")}`;
    const shop = `${virtualService("b", "x.com", routes)}---${upstream("cart")}`;
    const faults = [
      /InvalidDestinationWarning.*gloo-system\.gone \} not found/,
      /is no regex of RE2/,
      /^\d+ warning unreachable route/,
    ];
    const conflict = await problemsOf(`${shop}---${virtualService("a", "x.com", "")}`);
    const noGateway = await problemsOf(
      `${shop}---\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {bindPort: 99999, httpGateway: {}}\n`,
    );
    const tls = await problemsOf(
      shop.replace("spec:", "spec:\n  sslConfig: {secretRef: {name: s, namespace: gloo-system}}"),
    );
    for (const problems of [conflict, noGateway, tls]) {
      for (const fault of faults) expect(problems.filter((problem) => fault.test(problem))).toHaveLength(1);
    }
    expect(conflict).toContainEqual(expect.stringContaining("domain conflict"));
    expect(noGateway).toContainEqual(expect.stringContaining("bindPort must be"));
    expect(tls).toContainEqual(expect.stringContaining("not served: no gateway selects"));
  });

  it("finds routes that are never reached, across route tables", async () => {
    const text =
      virtualService(
        "shop",
        "*",
        `${route("{prefix: /a, methods: [GET]}", "cart")}
    - matchers: [{prefix: /a}]
      delegateAction: {ref: {name: table, namespace: gloo-system}}`,
      ) +
      `---${upstream("cart")}---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: table, namespace: gloo-system}
spec:
  routes:${route("{exact: /a/b, methods: [GET]}", "cart")}${route("{exact: /a/b}", "cart")}
`;
    expect(await problemsOf(text)).toEqual([
      "24 warning unreachable route: exact /a/b is never reached: prefix /a in virtualHost.routes[0] of VirtualService " +
        "gloo-system.shop takes all its requests: put this route before that one (epoxy route sort does), or remove it",
    ]);
  });

  it("finds certificates that expired, expire soon, or don't belong to their key", async () => {
    await using bed = await createBed();
    const pem = (name: string, days: string): string => {
      const [key, certificate] = [join(bed.dir, `${name}.key`), join(bed.dir, `${name}.pem`)];
      const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-days", days];
      execFileSync("openssl", [...args, "-keyout", key, "-out", certificate], { stdio: "ignore" });
      return certificate;
    };
    const secret = async (name: string, certificate: string, key: string) => {
      const files = ["--certchain", certificate, "--privatekey", key];
      const { code } = await epoxy(["create", "secret", "tls", name, ...files, "--dir", bed.dir]);
      expect(code).toBe(0);
    };
    const soon = pem("soon", "20");
    const fine = pem("fine", "300");
    await secret("soon", soon, soon.replace("pem", "key"));
    await secret("fine", fine, fine.replace("pem", "key"));
    await secret("mixed", fine, soon.replace("pem", "key"));
    const { code, stdout } = await bed.run("check");
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /mixed\.yaml:\d+:\d+: error: Secret gloo-system\.mixed: the private key doesn't belong to the first/,
    );
    expect(stdout).toMatch(
      /soon\.yaml:\d+:\d+: warning: Secret gloo-system\.soon: the certificate \(CN=soon\) expires on 20\d\d-\d\d-\d\d, in (19|20) days: renew it/,
    );
    expect(stdout).toMatch(/\n1 error and 1 warning in 3 resources\.\n$/);
    expect(stdout).not.toContain(readFileSync(soon.replace("pem", "key"), "utf8").slice(100, 150));
  });

  it("judges files as if they were stored already, and doesn't blame them for what was wrong before", async () => {
    await using bed = await createBed({
      "config/upstreams/gloo-system/cart.yaml": upstream("cart"),
      "config/virtualservices/gloo-system/old.yaml": virtualService("old", "old.com", route("{prefix: /}", "gone")),
    });
    const text = virtualService("shop", "*", route("{prefix: /}", "cart"));
    expect(await bed.run("validate -", { input: text })).toMatchObject({
      code: 0,
      stdout: "No problems found in 1 resource.\n",
    });
    const clash = await bed.run("validate -", { input: virtualService("new", "old.com", "") });
    expect(clash.code).toBe(1);
    // The other one, which was all right in this respect, is concerned too.
    expect(clash.stdout).toMatch(/old\.yaml:7:\d+: error: VirtualService gloo-system\.old: domain conflict/);
    expect(clash.stdout).toMatch(/^standard input:7:\d+: error: VirtualService gloo-system\.new: domain conflict/m);
    expect(clash.stdout).not.toContain("gloo-system.gone");
  });

  it("reads folders as epoxy serve lays them out, and ends with 0 for warnings if these are allowed", async () => {
    await using bed = await createBed({
      "config/virtualservices/gloo-system/shop.yaml":
        "metadata: {name: shop}\nvirtualHost:\n  routes:\n  - routeAction: {single: {upstream: {name: gone}}}\n",
    });
    const strict = await epoxy(["validate", bed.dir]);
    expect(strict).toMatchObject({ code: 1 });
    expect(strict.stdout).toContain("shop.yaml:4:19: warning: VirtualService gloo-system.shop: Route Warning");
    expect(await epoxy(["validate", bed.dir, "--allow-warnings"])).toMatchObject({ code: 0, stdout: strict.stdout });
  });
});

describe("epoxy validate --envoy", () => {
  it("has Envoy itself look at the whole configuration", async () => {
    const envoy = await findOrFetch("envoy");
    const text = virtualService("shop", "*", route("{prefix: /}", "cart")) + "---" + upstream("cart");
    const good = await epoxy(["validate", "-", "--envoy", "--envoy-path", envoy], { input: text });
    expect(good).toEqual({ code: 0, stdout: "No problems found in 2 resources.\n", stderr: "" });
    const missing = await epoxy(["validate", "-", "--envoy", "--envoy-path", "/nowhere/envoy"], { input: text });
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toMatch(/^error: \/nowhere\/envoy can't be started: .*--envoy-path/);
  });

  it("says that Envoy isn't there, also where no proxy would get anything", async () => {
    const args = ["validate", "-", "--envoy", "--envoy-path", "/nowhere/envoy"];
    const { code, stderr } = await epoxy(args, { input: upstream("cart") });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: \/nowhere\/envoy can't be started: .*--envoy-path/);
  });

  it("quotes what Envoy has against it", async () => {
    const envoy = await findOrFetch("envoy");
    // Two listeners of one name, which only Envoy sees in stored Proxies.
    const text = `
apiVersion: gloo.solo.io/v1
kind: Proxy
metadata: {name: own, namespace: gloo-system}
spec:
  listeners:
  - {name: one, bindAddress: no-address, bindPort: 8080, httpListener: {}}
`;
    const { code, stdout } = await epoxy(["validate", "-", "--envoy", "--envoy-path", envoy], { input: text });
    expect(code).toBe(1);
    expect(stdout).toContain("no-address");
  });
});

describe("epoxy check", () => {
  it("names keys in Consul", async () => {
    await using consul = await startConsul();
    const storage = ["--use-consul", "--consul-address", consul.address];
    const text = virtualService("shop", "*", route("{prefix: /}", "gone"));
    expect(await epoxy(["create", "-f", "-", ...storage], { input: text })).toMatchObject({ code: 0 });
    const { code, stdout } = await epoxy(["check", ...storage]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^gloo\/gateway\.solo\.io\/v1\/VirtualService\/gloo-system\/shop: warning: .*gloo-system\.gone } not found \(virtualHost\.routes\[0\]/,
    );
  });
});

describe("epoxy check of what can't be read", () => {
  it("names files that are broken or missing, and Settings that can't be used", async () => {
    await using bed = await createBed({
      "config/upstreams/gloo-system/a.yaml": "metadata: {name: a}\nstatc: {}\n",
      "settings/gloo-system/default.yaml":
        "metadata: {name: default}\nwatchNamespaceSelectors: [{matchExpressions: [{key: a, operator: Within}]}]\n",
    });
    const stored = await bed.run("check");
    expect(stored.code).toBe(1);
    expect(stored.stdout).toMatch(/a\.yaml:2:1: error: statc: unknown field: did you mean "static"\?\n/);
    const settings = await epoxy(["validate", `${bed.dir}/settings`]);
    expect(settings.stdout).toMatch(
      /default\.yaml:2:\d+: error: Settings gloo-system\.default: watchNamespaceSelectors\[0\].*the operator "Within" is none/,
    );
    const missing = await epoxy(["validate", `${bed.dir}/nowhere.yaml`]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stdout).toMatch(/nowhere\.yaml: error: can't be read: ENOENT/);
  });
});
