import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Petstore, startPetstore } from "../../scripts/petstore.ts";
import { type ControlPlane, createControlPlane } from "../../src/control-plane/index.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePort } from "../support/free-port.ts";
import { olderKubeUpstream, olderProxy, olderStaticUpstream } from "../support/older-shapes.ts";
import { waitFor } from "../support/wait-for.ts";
import { glooBootstrap } from "./support/gloo-bootstrap.ts";
import { writeTree } from "./support/gloo-file-example.ts";
import { get, untilServed } from "./support/served.ts";

const pets = '[{"id":1,"name":"Dog","status":"available"},{"id":2,"name":"Cat","status":"pending"}]';

/** A kind, its plural and a name. */
type Stored = readonly [kind: string, plural: string, name: string];

/** A store that is written without any of Epoxy's code. */
interface Store {
  readonly settings: string;
  put(...args: readonly [...stored: Stored, text: string]): Promise<void>;
  get(...stored: Stored): Promise<string>;
  close(): Promise<void>;
}

async function files(folder: string): Promise<Store> {
  const path = (plural: string, name: string): string => join(folder, "config", plural, "gloo-system", `${name}.yaml`);
  return {
    settings: "directoryConfigSource: {directory: config}",
    async put(_, plural, name, text) {
      await mkdir(dirname(path(plural, name)), { recursive: true });
      await writeFile(path(plural, name), text);
    },
    get: (_, plural, name) => readFile(path(plural, name), "utf8"),
    close: async () => {},
  };
}

async function consulKeys(): Promise<Store> {
  const consul: RunningConsul = await startConsul();
  const key = (kind: string, name: string): string => `/v1/kv/gloo/gloo.solo.io/v1/${kind}/gloo-system/${name}`;
  return {
    settings: `consul: {address: "${consul.address}"}\nconsulKvSource: {}`,
    async put(kind, _, name, text) {
      await consul.api("PUT", key(kind, name), text);
    },
    get: async (kind, _, name) => (await consul.api("GET", `${key(kind, name)}?raw`)).body,
    close: () => consul.stop(),
  };
}

describe.each([
  ["files", files],
  ["a real Consul", consulKeys],
] as const)("objects of 2019, written to %s as they stand", (_, open) => {
  let folder: string;
  let port: number;
  let store: Store;
  let petstore: Petstore;
  let controlPlane: ControlPlane;
  let envoy: RunningEnvoy;
  const proxy: Stored = ["Proxy", "proxies", "gateway-proxy"];
  const upstream: Stored = ["Upstream", "upstreams", "default-petstore-8080"];
  const status = async (of: Stored, state: string): Promise<string> =>
    waitFor(async () => {
      const written = /^status:[^]*?(?=^\S|(?![^]))/m.exec(await store.get(...of))?.[0];
      return written?.includes(`state: ${state}`) ? written : undefined;
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-older-"));
    port = await freePort();
    [store, petstore] = await Promise.all([open(folder), startPetstore()]);
    await writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
discoveryNamespace: gloo-system
gloo: {xdsBindAddr: "127.0.0.1:0"}
${store.settings}
`,
    });
    await store.put(...proxy, olderProxy(port));
    await store.put(...upstream, olderKubeUpstream);
    controlPlane = await createControlPlane({ dataDirectory: folder });
    envoy = await startEnvoy({ bootstrap: glooBootstrap(controlPlane.xdsAddress?.port ?? 0) });
  });
  afterAll(async () => {
    await envoy?.stop();
    await controlPlane?.close();
    await Promise.all([petstore?.close(), store?.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  it("a kube upstream is a Warning, and routes to it answer 503, where no Kubernetes is configured", async () => {
    await untilServed(port, "/sample-route-1", { status: 503 });
    await untilServed(port, "/petstore/findPet", { status: 503 });
    expect(await status(upstream, "Warning")).toContain("(kube)");
    expect(await status(proxy, "Warning")).toContain(
      "InvalidDestinationWarning. Reason: *v1.Upstream { gloo-system.default-petstore-8080 }",
    );
  });

  it("with a static upstream the plain route is served, and the one to a function is a Warning and answers 503", async () => {
    await store.put(...upstream, olderStaticUpstream(petstore.port));
    await untilServed(port, "/sample-route-1", { status: 200, body: pets });
    expect((await get(port, "/petstore/findPet")).status).toBe(503);
    expect((await get(port, "/elsewhere")).status).toBe(404);
    await waitFor(async () => (await status(upstream, "Warning")).includes("(static.serviceSpec)"));
    const warned = await waitFor(async () => {
      const written = await status(proxy, "Warning");
      return written.includes("InvalidDestinationWarning") ? undefined : written;
    });
    expect(warned).toContain(
      "(listeners[0].httpListener.virtualHosts[0].routes[0].routeAction.single.destinationSpec.rest)",
    );
  });

  it("nothing but the status of what is stored has changed", async () => {
    const body = (text: string): string => text.replace(/^status:[^]*?(?=^\S|(?![^]))/m, "");
    // The Upstream's status stands in the middle: what is after it must be there, too.
    expect(
      body(await store.get(...upstream))
        .split("\n")
        .toSorted(),
    ).toEqual(body(olderStaticUpstream(petstore.port)).split("\n").toSorted());
    expect(body(await store.get(...proxy))).toBe(body(olderProxy(port)));
  });
});
