import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { glooFileExample, writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const pets = '[{"id":1,"name":"Dog","status":"available"},{"id":2,"name":"Cat","status":"pending"}]';

describe("Gloo's docker-compose-file example, with a real Envoy on Gloo's bootstrap", () => {
  let folder: string;
  let port: number;
  let petstore: Petstore;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const file = (name: string): string => join(folder, "config", name);
  const virtualServices = "virtualservices/gloo-system";
  const text = (name: string): Promise<string> => readFile(file(name), "utf8");
  const answering = (name: string, path: string, body: string): string => `
metadata: {name: ${name}, namespace: gloo-system}
virtualHost:
  domains: [${name}.example]
  routes: [{matchers: [{prefix: ${path}}], directResponseAction: {status: 200, body: ${body}}}]
`;
  const body = async (name: string, path = "/"): Promise<string> => {
    const answer = await get(port, path, { host: `${name}.example` });
    return `${answer.status} ${answer.body}`;
  };
  const until = (name: string, expected: string, timeout = 5_000): Promise<number> => {
    const start = performance.now();
    return waitFor(async () => (await body(name)) === expected, { timeout, interval: 2 }).then(
      () => performance.now() - start,
    );
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-e2e-"));
    port = await freePort();
    petstore = await startPetstore();
    await writeTree(folder, glooFileExample({ listener: port, petstore: petstore.port }));
    controlPlane = await createControlPlane({ dataDirectory: folder });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
    await envoy.live();
    await untilServed(port, "/petstore", { status: 200, body: pets });
  });
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await petstore?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("serves the petstore through Envoy", async () => {
    const answer = await get(port, "/petstore");
    expect(answer).toMatchObject({ status: 200, body: pets, headers: { server: "envoy" } });
  });

  it("answers 503 for routes to functions, which need a filter that isn't there yet, and warns of them in the status", async () => {
    expect((await get(port, "/petstore/findPets")).status).toBe(503);
    expect((await get(port, "/petstore/findWithId/1")).status).toBe(503);
    const status = await waitFor(async () => /^status:[^]*/m.exec(await text(`${virtualServices}/default.yaml`))?.[0]);
    expect(status).toContain("state: Warning");
    expect(status).toContain("destinationSpec.rest");
    expect(status).toContain("reportedBy: gateway");
    expect(status).toContain("*v1.Proxy.gloo-system.gateway-proxy");
  });

  it("writes statuses without touching anything else in the file", async () => {
    const original = glooFileExample({ listener: port, petstore: petstore.port })[
      `config/${virtualServices}/default.yaml`
    ];
    await waitFor(async () => (await text(`${virtualServices}/default.yaml`)).includes("status:"));
    expect((await text(`${virtualServices}/default.yaml`)).startsWith(original)).toBe(true);
  });

  it("shows added, edited, broken, repaired and deleted files within 100 ms (median of three)", async () => {
    const name = `${virtualServices}/edited.yaml`;
    const times: Record<"added" | "edited" | "repaired" | "deleted", number[]> = {
      added: [],
      edited: [],
      repaired: [],
      deleted: [],
    };
    for (let round = 0; round < 3; round++) {
      await writeFile(file(name), answering("edited", "/", `added-${round}`));
      times.added.push(await until("edited", `200 added-${round}`));
      await writeFile(file(name), answering("edited", "/", `edited-${round}`));
      times.edited.push(await until("edited", `200 edited-${round}`));
      await writeFile(file(name), "metadata: {name: edited\nvirtualHost: [");
      await writeFile(file(name), answering("edited", "/", `repaired-${round}`));
      times.repaired.push(await until("edited", `200 repaired-${round}`));
      await rm(file(name));
      times.deleted.push(await until("edited", "404 "));
    }
    // The median: one slow round on a busy machine says nothing.
    const medians = Object.entries(times).map(
      ([sort, all]) => [sort, all.toSorted((x, y) => x - y)[1] ?? Infinity] as const,
    );
    expect(medians.filter(([, median]) => median >= 100)).toEqual([]);
  });

  it("keeps serving the last good version of a broken file, and everything else, until it is repaired", async () => {
    const name = `${virtualServices}/broken.yaml`;
    await writeFile(file(name), answering("broken", "/", "good"));
    await until("broken", "200 good");
    await writeFile(file(name), "metadata: {name: broken\nvirtualHost: [");
    await writeFile(file(`${virtualServices}/other.yaml`), answering("other", "/", "unharmed"));
    await until("other", "200 unharmed");
    expect(await body("broken")).toBe("200 good");
    await writeFile(file(name), "");
    await writeFile(file(`${virtualServices}/other.yaml`), answering("other", "/", "still unharmed"));
    await until("other", "200 still unharmed");
    expect(await body("broken")).toBe("200 good");
    await writeFile(file(name), answering("broken", "/", "repaired"));
    expect(await until("broken", "200 repaired")).toBeLessThan(1_000);
    await rm(file(name));
    await until("broken", "404 ");
  });

  it("keeps a faulty route in its place, so that its traffic reaches no later route", async () => {
    await writeFile(
      file(`${virtualServices}/faulty.yaml`),
      `
metadata: {name: faulty, namespace: gloo-system}
virtualHost:
  domains: [faulty.example]
  routes:
  - matchers: [{prefix: /secret}]
  - matchers: [{prefix: /gone}]
    routeAction: {single: {upstream: {name: gone, namespace: gloo-system}}}
  - matchers: [{prefix: /protected}]
    options: {jwtStaged: {afterExtAuth: {disable: false}}}
    directResponseAction: {status: 200, body: unprotected}
  - matchers: [{prefix: /}]
    directResponseAction: {status: 200, body: catch-all}
`,
    );
    await until("faulty", "200 catch-all");
    expect((await body("faulty", "/secret")).slice(0, 3)).toBe("500");
    expect((await body("faulty", "/gone")).slice(0, 3)).toBe("503");
    expect((await body("faulty", "/protected")).slice(0, 3)).toBe("503");
    const status = await waitFor(async () => /^status:[^]*/m.exec(await text(`${virtualServices}/faulty.yaml`))?.[0]);
    expect(status).toContain("state: Rejected");
    expect(status).toContain(
      "Route Warning: InvalidDestinationWarning. Reason: *v1.Upstream { gloo-system.gone } not found",
    );
    await rm(file(`${virtualServices}/faulty.yaml`));
  });

  it("takes over edited settings without a restart, and keeps the last good ones when they are broken", async () => {
    const settings = join(folder, "gloo-system/default.yaml");
    const good = await readFile(settings, "utf8");
    await writeFile(
      file(`${virtualServices}/policy.yaml`),
      `
metadata: {name: policy, namespace: gloo-system}
virtualHost: {domains: [policy.example], routes: [{routeAction: {single: {upstream: {name: gone, namespace: gloo-system}}}}]}
`,
    );
    await waitFor(async () => (await body("policy")).startsWith("503"));
    const policy =
      "{replaceInvalidRoutes: true, invalidRouteResponseCode: 404, invalidRouteResponseBody: nothing here}";
    const changed = good.replace(/gloo: .*/, `gloo: {xdsBindAddr: "127.0.0.1:0", invalidConfigPolicy: ${policy}}`);
    await writeFile(settings, changed);
    await until("policy", "404 nothing here");
    await writeFile(settings, "gloo: {xdsBindAddr: [");
    await writeFile(file(`${virtualServices}/other.yaml`), answering("other", "/", "after broken settings"));
    await until("other", "200 after broken settings");
    expect(await body("policy")).toBe("404 nothing here");
    const unusable = changed.replace(
      "directoryConfigSource: {directory: config}",
      "consulKvSource: {}\nconsul: {caFile: /nowhere.pem}",
    );
    await writeFile(settings, unusable);
    await waitFor(async () => (await readFile(settings, "utf8")).includes("state: Rejected"));
    await writeFile(file(`${virtualServices}/other.yaml`), answering("other", "/", "after unusable settings"));
    await until("other", "200 after unusable settings");
    expect(await body("policy")).toBe("404 nothing here");
    await writeFile(settings, good);
    await waitFor(async () => (await body("policy")).startsWith("503"));
  });

  it("tells the operator of an Envoy without a role what is wrong", async () => {
    const port = controlPlane.xdsAddress?.port ?? 0;
    const lost = await startEnvoy({ bootstrap: glooBootstrap(port, null, "lost-node") });
    try {
      const config = await waitFor(async () => {
        const whole = JSON.stringify(await lost.configDump());
        return whole.includes("listener-for-invalid-envoy") ? whole : undefined;
      });
      expect(config).toContain("node.metadata.role");
    } finally {
      await lost.stop();
    }
  });
});
