import { join } from "node:path";
import { describe, it } from "vitest";
import { createBed } from "./support/epoxy.ts";

/** Tables are compared with files, to be read by people; `vitest -u` writes them. */
const golden = (name: string): string => join(import.meta.dirname, "golden", `${name}.txt`);

const virtualServices = {
  "config/virtualservices/gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes:
  - matchers: [{exact: /all-pets}]
    routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}
    options: {prefixRewrite: /api/pets}
status: {reportedBy: gateway, state: Accepted}
`,
  "config/virtualservices/gloo-system/shop.yaml": `
metadata: {name: shop, namespace: gloo-system}
displayName: The shop
sslConfig: {secretRef: {name: shop, namespace: gloo-system}}
virtualHost:
  domains: [shop.example.com, www.shop.example.com]
  routes:
  - {name: cart, matchers: [{prefix: /cart}, {regex: /basket.*}], routeAction: {multi: {destinations: [{weight: 1}, {weight: 2}]}}}
  - {matchers: [{prefix: /old, methods: [GET, HEAD], headers: [{name: x-a, value: b}]}], redirectAction: {hostRedirect: new.example.com}}
  - {matchers: [{exact: /health}], directResponseAction: {status: 200, body: ok}}
  - {matchers: [{prefix: /docs}], delegateAction: {ref: {name: docs, namespace: gloo-system}}}
  - {matchers: [{prefix: /group}], routeAction: {upstreamGroup: {name: canary, namespace: gloo-system}}}
  - {matchers: [{prefix: /kube}], routeAction: {single: {kube: {ref: {name: svc, namespace: default}, port: 80}}}}
status:
  reportedBy: gateway
  state: Accepted
  subresourceStatuses:
    '*v1.Proxy.gloo-system.gateway-proxy': {reportedBy: gloo, state: Rejected, reason: bad}
`,
  "config/virtualservices/other/elsewhere.yaml": "metadata: {name: elsewhere, namespace: other}\n",
};

const upstreams = {
  "config/upstreams/gloo-system/consul.yaml": `
metadata: {name: consul, namespace: gloo-system}
consul: {serviceName: petstore, serviceTags: [a, b]}
status: {state: Accepted}
`,
  "config/upstreams/gloo-system/kube.yaml": `
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: kube, namespace: gloo-system}
spec: {kube: {serviceName: petstore, serviceNamespace: default, servicePort: 8080}}
status: {statuses: {gloo-system: {state: Warning, reason: not yet}}}
`,
  "config/upstreams/gloo-system/rest.yaml": `
metadata: {name: rest, namespace: gloo-system}
static:
  hosts: [{addr: 10.0.0.1, port: 80}, {addr: 10.0.0.2, port: 80}]
  serviceSpec: {rest: {transformations: {findPets: {}, addPet: {}}}}
status: {state: Rejected, reason: no}
`,
};

describe.concurrent("epoxy get", () => {
  it("prints virtual services as Gloo does", async ({ expect }) => {
    await using bed = await createBed(virtualServices);
    const { code, stdout, stderr } = await bed.run("get virtualservices");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(golden("virtual-services"));
  });

  it("prints one of them by its name, whatever the kind is called", async ({ expect }) => {
    await using bed = await createBed(virtualServices);
    const { stdout } = await bed.run("get vs default");
    // The table of Gloo's guide.
    expect(stdout).toBe(`\
+-----------------+--------------+---------+------+----------+-----------------+--------------------------------+
| VIRTUAL SERVICE | DISPLAY NAME | DOMAINS | SSL  |  STATUS  | LISTENERPLUGINS |             ROUTES             |
+-----------------+--------------+---------+------+----------+-----------------+--------------------------------+
| default         |              | *       | none | Accepted |                 | /all-pets ->                   |
|                 |              |         |      |          |                 | gloo-system.petstore           |
|                 |              |         |      |          |                 | (upstream)                     |
+-----------------+--------------+---------+------+----------+-----------------+--------------------------------+
`);
    expect((await bed.run("get VirtualService --name default")).stdout).toBe(stdout);
  });

  it("prints the routes of a virtual service in a table for each action", async ({ expect }) => {
    await using bed = await createBed(virtualServices);
    await expect((await bed.run("get vs route shop")).stdout).toMatchFileSnapshot(golden("routes"));
    const { code, stderr } = await bed.run("get virtualservice route");
    expect(code).toBe(2);
    expect(stderr).toContain(
      "there are 2 virtual services, name one: epoxy get virtualservice route NAME (default, shop)",
    );
  });

  it("prints route tables as Gloo does", async ({ expect }) => {
    await using bed = await createBed({
      "config/routetables/gloo-system/node-0.yaml": `
metadata: {name: node-0, namespace: gloo-system}
routes:
- {name: testRouteName, matchers: [{prefix: /base/0}], delegateAction: {ref: {name: node-1, namespace: gloo-system}}}
`,
    });
    // From Gloo's own tests of its command line, but for the prefix.
    expect((await bed.run("get rt")).stdout).toBe(`\
+-------------+--------------------------------+---------+
| ROUTE TABLE |             ROUTES             | STATUS  |
+-------------+--------------------------------+---------+
| node-0      | testRouteName: /base/0 ->      | Pending |
|             | gloo-system.node-1 (route      |         |
|             | table)                         |         |
+-------------+--------------------------------+---------+
`);
  });

  it("prints upstreams of all types with their details, from both shapes of YAML", async ({ expect }) => {
    await using bed = await createBed(upstreams);
    await expect((await bed.run("get us")).stdout).toMatchFileSnapshot(golden("upstreams"));
    await expect((await bed.run("get us -o wide")).stdout).toMatchFileSnapshot(golden("upstreams-wide"));
  });

  it("prints upstream groups, proxies and gateways", async ({ expect }) => {
    await using bed = await createBed({
      "config/upstreamgroups/gloo-system/canary.yaml": `
metadata: {name: canary, namespace: gloo-system}
destinations:
- {weight: 3, destination: {upstream: {name: v1, namespace: gloo-system}}}
- {weight: 1, destination: {consul: {serviceName: v2, tags: [a], dataCenters: [dc1]}}}
`,
      "config/proxies/gloo-system/gateway-proxy.yaml": `
metadata: {name: gateway-proxy, namespace: gloo-system, labels: {created_by: gateway}}
listeners:
- {name: a, bindAddress: '::', bindPort: 8080, httpListener: {virtualHosts: [{name: one}, {name: two}]}}
- {name: b, bindAddress: '::', bindPort: 9000, tcpListener: {}}
status: {state: Accepted}
`,
      "config/gateways/gloo-system/edge.yaml": `
metadata: {name: edge, namespace: gloo-system}
bindAddress: '::'
bindPort: 8443
ssl: true
httpGateway: {}
proxyNames: [gateway-proxy]
`,
    });
    await expect((await bed.run("get upstreamgroup")).stdout).toMatchFileSnapshot(golden("upstream-groups"));
    await expect((await bed.run("get proxy")).stdout).toMatchFileSnapshot(golden("proxies"));
    await expect((await bed.run("get gateway -o wide")).stdout).toMatchFileSnapshot(golden("gateways-wide"));
  });

  it("prints YAML, JSON and Kubernetes' YAML that reads back as it was", async ({ expect }) => {
    await using bed = await createBed(virtualServices);
    const yaml = (await bed.run("get vs default -o yaml")).stdout;
    expect(yaml).toMatch(/^---\nmetadata:\n {2}name: default\n/);
    const json = JSON.parse((await bed.run("get vs --json")).stdout);
    expect(json.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(["default", "shop"]);
    expect(json[0]).toMatchObject({ virtualHost: { domains: ["*"] }, status: { state: "Accepted" } });
    await using copy = await createBed();
    const kubeYaml = (await bed.run("get vs -o kube-yaml")).stdout;
    const created = await copy.run("create -f -", { input: kubeYaml });
    expect(created).toEqual({
      code: 0,
      stdout: "virtualservice gloo-system.default created\nvirtualservice gloo-system.shop created\n",
      stderr: "",
    });
    expect((await copy.run("get vs")).stdout).toBe((await bed.run("get vs")).stdout);
  });

  it("prints what is good, says where the rest is broken, and exits 1", async ({ expect }) => {
    await using bed = await createBed({
      ...upstreams,
      "config/upstreams/gloo-system/broken.yaml":
        "metadata: {name: broken, namespace: gloo-system}\nstatic:\n  host: []\n",
    });
    const { code, stdout, stderr } = await bed.run("get us");
    expect(code).toBe(1);
    await expect(stdout).toMatchFileSnapshot(golden("upstreams"));
    expect(stderr).toContain(`error: ${bed.dir}/config/upstreams/gloo-system/broken.yaml:3:3: static.host:`);
    expect(stderr).toContain("hosts");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    const asJson = await bed.run("get us --json");
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toHaveLength(3);
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      error: { code: "invalid", problems: [{ location: { line: 3, column: 3, path: "static.host" } }] },
      ref: { namespace: "gloo-system", name: "broken" },
    });
  });

  it("looks in one namespace only", async ({ expect }) => {
    await using bed = await createBed(virtualServices);
    const { stdout } = await bed.run("get vs -n other -o json");
    expect(JSON.parse(stdout)).toMatchObject([{ metadata: { name: "elsewhere" } }]);
    const absent = await bed.run("get vs shop -n other");
    expect(absent).toMatchObject({ code: 1, stdout: "" });
    expect(absent.stderr).toContain("VirtualService other.shop not found");
  });

  it("keeps control characters of stored texts from the terminal", async ({ expect }) => {
    await using bed = await createBed({
      "config/virtualservices/gloo-system/evil.yaml": `metadata: {name: evil, namespace: gloo-system}\ndisplayName: "a\\u001b]0;x\\u0007b\\u0085c"\n`,
    });
    const { stdout } = await bed.run("get vs");
    expect(stdout).toContain("| evil ");
    expect(
      [...stdout].filter((character) => character !== "\n" && (character < " " || character === "\u0085")),
    ).toEqual([]);
  });

  it("prints no secret unless it is told to", async ({ expect }) => {
    await using bed = await createBed({
      "secret/secrets/gloo-system/login.yaml":
        "metadata: {name: login, namespace: gloo-system}\noauth: {clientSecret: s3cret}\n",
    });
    const outputs = await Promise.all(
      ["", " -o wide", " -o yaml", " -o json"].map((output) => bed.run(`get secret${output}`)),
    );
    for (const { code, stdout, stderr } of outputs) {
      expect(code).toBe(0);
      expect(stdout).toContain("login");
      expect(stdout + stderr).not.toContain("s3cret");
    }
    expect((await bed.run("get secret login -o yaml --show-secrets")).stdout).toContain("clientSecret: s3cret");
  });
});

describe.concurrent("the folder of --dir", () => {
  const upstream = (name: string) => `metadata: {name: ${name}, namespace: gloo-system}\n`;

  it("is used as its Settings say", async ({ expect }) => {
    await using bed = await createBed({
      "gloo-system/default.yaml":
        "metadata: {name: default, namespace: gloo-system}\ndirectoryConfigSource: {directory: there}\ndiscoveryNamespace: gloo-system\n",
      "there/upstreams/gloo-system/a.yaml": upstream("a"),
      "config/upstreams/gloo-system/b.yaml": upstream("b"),
    });
    expect(JSON.parse((await bed.run("get us --json")).stdout)).toMatchObject([{ metadata: { name: "a" } }]);
    expect(JSON.parse((await bed.run("get settings --json")).stdout)).toMatchObject([
      { directoryConfigSource: { directory: "there" } },
    ]);
  });

  it("may be a plain folder of resources", async ({ expect }) => {
    await using bed = await createBed({ "upstreams/gloo-system/a.yaml": upstream("a") });
    expect(JSON.parse((await bed.run("get us --json")).stdout)).toMatchObject([{ metadata: { name: "a" } }]);
    expect((await bed.run("create virtualservice shop")).code).toBe(0);
    expect(await bed.read("virtualservices/gloo-system/shop.yaml")).toContain("name: shop");
  });

  it("is not used with broken Settings", async ({ expect }) => {
    await using bed = await createBed({ "gloo-system/default.yaml": "metadata: {name: default}\nrefreshRat: 1s\n" });
    const { code, stdout, stderr } = await bed.run("get us");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`${bed.dir}/gloo-system/default.yaml:2:1: refreshRat:`);
  });
});
