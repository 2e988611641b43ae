import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const upstream = (name: string, port: number): string =>
  `metadata: {name: ${name}, namespace: gloo-system}\nstatic: {hosts: [{addr: 127.0.0.1, port: ${port}}]}\n`;
const group = (one: number, two: number): string => `
metadata: {name: canary, namespace: gloo-system}
destinations:
- {weight: ${one}, destination: {upstream: {name: one, namespace: gloo-system}}}
- {weight: ${two}, destination: {upstream: {name: two, namespace: gloo-system}}}
`;
const routeOption = (path: string): string =>
  `metadata: {name: rewrite, namespace: gloo-system}\noptions: {prefixRewrite: ${path}}\n`;
const virtualHostOption = (value: string): string => `
metadata: {name: marked, namespace: gloo-system}
options: {headerManipulation: {responseHeadersToAdd: [{header: {key: x-marked, value: "${value}"}}]}}
`;
const table = (name: string, team: string, weight: number, body: string): string => `
metadata: {name: ${name}, namespace: gloo-system, labels: {team: ${team}}}
weight: ${weight}
routes:
- matchers: [{prefix: /docs}]
  directResponseAction: {status: 200, body: ${body}}
`;
const virtualService = `
metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  optionsConfigRefs: {delegateOptions: [{name: marked, namespace: gloo-system}]}
  routes:
  - matchers: [{prefix: /pets}]
    optionsConfigRefs: {delegateOptions: [{name: rewrite, namespace: gloo-system}]}
    routeAction: {upstreamGroup: {name: canary, namespace: gloo-system}}
  - matchers: [{prefix: /docs}]
    delegateAction:
      selector: {labels: {team: docs}, namespaces: [gloo-system]}
`;

describe("what a virtual service refers to, with a real Envoy", () => {
  let folder: string;
  let port: number;
  let stores: readonly Petstore[];
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const write = (plural: string, name: string, text: string): Promise<void> =>
    writeFile(join(folder, "config", plural, "gloo-system", `${name}.yaml`), text);
  /** Which instances answer, out of 40 requests. */
  const instances = async (): Promise<Readonly<Record<string, number>>> => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(port, "/pets")));
    const counts: Record<string, number> = {};
    for (const { status, headers } of answers) {
      const key = status === 200 ? String(headers["x-petstore"]) : String(status);
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-references-"));
    port = await freePort();
    stores = await Promise.all([startPetstore({ instance: "one" }), startPetstore({ instance: "two" })]);
    const config = "config";
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
gloo: {xdsBindAddr: "127.0.0.1:0"}
directoryConfigSource: {directory: ${config}}
discoveryNamespace: gloo-system
`,
      [`${config}/gateways/gloo-system/gateway-proxy.yaml`]: `
metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: '127.0.0.1'
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
`,
      [`${config}/upstreams/gloo-system/one.yaml`]: upstream("one", stores[0]?.port ?? 0),
      [`${config}/upstreams/gloo-system/two.yaml`]: upstream("two", stores[1]?.port ?? 0),
      [`${config}/upstreamgroups/gloo-system/canary.yaml`]: group(1, 1),
      [`${config}/routeoptions/gloo-system/rewrite.yaml`]: routeOption("/api/pets"),
      [`${config}/virtualhostoptions/gloo-system/marked.yaml`]: virtualHostOption("first"),
      [`${config}/routetables/gloo-system/late.yaml`]: table("late", "docs", 10, "late"),
      [`${config}/routetables/gloo-system/early.yaml`]: table("early", "other", -10, "early"),
      [`${config}/virtualservices/gloo-system/default.yaml`]: virtualService,
    });
    controlPlane = await createControlPlane({ dataDirectory: folder });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
    await untilServed(port, "/docs", { status: 200 });
  });
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await Promise.all(stores.map((store) => store.close()));
    await rm(folder, { recursive: true, force: true });
  });

  it("an upstream group spreads requests by its weights, as they are edited", async () => {
    const both = await waitFor(async () => {
      const counts = await instances();
      return counts["one"] !== undefined && counts["two"] !== undefined ? counts : undefined;
    });
    expect(Object.keys(both).toSorted()).toEqual(["one", "two"]);
    await write("upstreamgroups", "canary", group(0, 1));
    await waitFor(async () => (await instances())["two"] === 40);
    // A member that is gone answers 503 for its share; the other's share goes on.
    await write("upstreamgroups", "canary", group(1, 1).replace("name: one", "name: gone"));
    const partly = await waitFor(async () => {
      const counts = await instances();
      return counts["503"] !== undefined && counts["two"] !== undefined ? counts : undefined;
    });
    expect(Object.keys(partly).toSorted()).toEqual(["503", "two"]);
    await write("upstreamgroups", "canary", group(1, 1));
    await waitFor(async () => (await instances())["503"] === undefined);
  });

  it("options by reference hold for the route and the virtual host, as they are edited", async () => {
    await waitFor(async () => (await get(port, "/docs")).headers["x-marked"] === "first");
    await write("virtualhostoptions", "marked", virtualHostOption("second"));
    await waitFor(async () => (await get(port, "/docs")).headers["x-marked"] === "second");
    expect((await get(port, "/pets")).status).toBe(200);
    await write("routeoptions", "rewrite", routeOption("/elsewhere"));
    await waitFor(async () => (await get(port, "/pets")).status === 404);
    await write("routeoptions", "rewrite", routeOption("/api/pets"));
    await waitFor(async () => (await get(port, "/pets")).status === 200);
  });

  it("a route whose options are gone is closed, since they may have protected it; others go on", async () => {
    await rm(join(folder, "config/routeoptions/gloo-system/rewrite.yaml"));
    await waitFor(async () => (await get(port, "/pets")).status === 500);
    expect((await get(port, "/docs")).status).toBe(200);
    await write("routeoptions", "rewrite", routeOption("/api/pets"));
    await waitFor(async () => (await get(port, "/pets")).status === 200);
  });

  it("a table that gets the label joins those that the selector finds, by its weight, and leaves with it", async () => {
    expect((await get(port, "/docs")).body).toBe("late");
    await write("routetables", "early", table("early", "docs", -10, "early"));
    await waitFor(async () => (await get(port, "/docs")).body === "early");
    await write("routetables", "early", table("early", "docs", 20, "early"));
    await waitFor(async () => (await get(port, "/docs")).body === "late");
    await write("routetables", "late", table("late", "other", 10, "late"));
    await waitFor(async () => (await get(port, "/docs")).body === "early");
  });
});
