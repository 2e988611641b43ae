import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { UpstreamGroupKind, UpstreamKind } from "../../generated/sdk/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import { createFileStorage } from "../../src/storage/file/index.ts";
import { createKubernetesStorage } from "../../src/storage/kubernetes/index.ts";
import { readYaml, waitFor } from "../../src/testing/index.ts";
import { startChild } from "../support/child.ts";
import { startConsul } from "../support/consul.ts";
import { generatedCrds } from "../support/kubernetes/crds.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { type PackedEpoxy, packEpoxy } from "./support/packed-epoxy.ts";

const example = resolve(import.meta.dirname, "../../examples/rollout");
const run = promisify(execFile);

// Building, packing, compilers and test runners are processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const cluster = useKubeCluster();
let packed: PackedEpoxy;
let project: string;

beforeAll(async () => {
  packed = await packEpoxy();
  project = join(packed.workspace, "rollout");
  await run(process.execPath, [join(packed.folder, "dist/src/cli/bundle/main.js"), "init", project]);
  await packed.install(project);
});
afterAll(() => packed[Symbol.asyncDispose]());

/** Runs `npm …` as a user does, with the Node of this test. */
const npm = (...args: readonly string[]) =>
  run("npm", args, {
    cwd: project,
    env: { ...process.env, PATH: `${resolve(process.execPath, "..")}:${process.env.PATH}` },
  });

async function linesOf(...files: readonly string[]): Promise<number> {
  const texts = await Promise.all(files.map((file) => readFile(join(project, "src", file), "utf8")));
  return texts.flatMap((text) => text.split("\n")).filter((line) => line.trim() !== "").length;
}

describe("a folder made by epoxy init, outside the repository, with the packed package", () => {
  test("has the example's files, and its `npm test` is green", async () => {
    const files = await readdir(project, { recursive: true, withFileTypes: true });
    const own = files.filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"));
    expect(own.map(({ name }) => name)).toContain("rollout-controller.ts");
    expect(await readFile(join(project, "src/main.ts"), "utf8")).toBe(
      await readFile(join(example, "src/main.ts"), "utf8"),
    );
    const { stdout } = await npm("test");
    expect(stdout).toMatch(/Tests .*6 passed/);
  });

  test("depends on the Epoxy that made it, from where that came: a folder, a packed file or the registry", async () => {
    const epoxyOf = async (folder: string): Promise<string> =>
      JSON.parse(await readFile(join(folder, "package.json"), "utf8")).dependencies.epoxy;
    expect(await epoxyOf(project)).toBe("file:../package");

    const user = join(packed.workspace, "user");
    const modules = join(user, "node_modules");
    await cp(packed.folder, join(modules, "epoxy"), { recursive: true });
    const made = async (name: string, resolved: string): Promise<string> => {
      const lock = { packages: { "node_modules/epoxy": { version: "0.1.0", resolved } } };
      await writeFile(join(modules, ".package-lock.json"), JSON.stringify(lock));
      await run(process.execPath, [join(modules, "epoxy/dist/src/cli/bundle/main.js"), "init", name], { cwd: user });
      return epoxyOf(join(user, name));
    };
    expect(await made("from-file", "file:../epoxy-0.1.0.tgz")).toBe("file:../../epoxy-0.1.0.tgz");
    const { version } = JSON.parse(await readFile(join(packed.folder, "package.json"), "utf8"));
    expect(await made("from-registry", "https://registry.example.com/epoxy.tgz")).toBe(version);
  });

  test("has a controller of at most 40 lines", async () => {
    expect(await linesOf("rollout-controller.ts", "upstream-group-of.ts")).toBeLessThanOrEqual(40);
  });

  test("generates nothing of Epoxy's messages, and imports them from the package", async () => {
    const generated = (await readdir(join(project, "generated"), { recursive: true })).sort();
    expect(generated.filter((path) => path.endsWith(".ts"))).toEqual([
      "proto/traffic/v1/rollout.ts",
      "sdk/controllers.ts",
      "sdk/index.ts",
      "sdk/streams.ts",
      "sdk/tables.ts",
      "sdk/traffic/v1-controllers.ts",
      "sdk/traffic/v1-streams.ts",
      "sdk/traffic/v1.ts",
    ]);
    const messages = await readFile(join(project, "generated/proto/traffic/v1/rollout.ts"), "utf8");
    expect(messages).toContain('from "epoxy/proto/epoxy/core/v1/metadata.js"');
  });

  test("has a linted proto, and generated code that a check finds up to date", async () => {
    const lint = await run(join(project, "node_modules/.bin/buf"), ["lint", "proto"], { cwd: project });
    expect(lint.stdout).toBe("");
    expect((await npm("run", "codegen", "--", "--check")).stderr).not.toContain("stale");
  });

  test("has a JSON Schema and a reference of its kind", async () => {
    const schema = JSON.parse(await readFile(join(project, "generated/schema/definitions.json"), "utf8"));
    expect(schema.definitions["traffic.v1.Rollout"].properties.percent.description).toContain("Percentage");
    expect(await readFile(join(project, "generated/docs/rollouts.md"), "utf8")).toContain("| `percent` | uint32 |");
  });

  test("is not overwritten by a second epoxy init", async () => {
    await writeFile(join(project, "NOTES.md"), "mine");
    const again = run(join(project, "node_modules/.bin/epoxy"), ["init", "."], { cwd: project });
    await expect(again).rejects.toThrow(/\. has .*package\.json.* already: name a new folder/);
  });
});

/**
 * Starts the project's own main.ts, unchanged, and follows a rollout through storage, up to the status in the rollout as it is stored.
 * @returns the weights, before and after
 */
async function rollOut(
  storage: Storage,
  env: Readonly<Record<string, string>>,
  stored: () => Promise<string>,
): Promise<readonly string[]> {
  const groups = storage.client(UpstreamGroupKind);
  const upstreams = storage.client(UpstreamKind);
  const weights = async (): Promise<string> =>
    (await groups.read({ name: "shop", namespace: "default" })).destinations.map(({ weight }) => weight).join();
  await using controller = {
    child: startChild(process.execPath, ["src/main.ts"], {
      cwd: project,
      env: { CONSUL_HTTP_ADDR: undefined, KUBECONFIG: undefined, ...env },
    }),
    [Symbol.asyncDispose]: () => controller.child.stop(),
  };
  try {
    const before = await waitFor(weights);
    await waitFor(async () => (await stored()).includes("upstream default.shop-2 not found"));
    await upstreams.write(
      readYaml(
        UpstreamKind,
        "metadata: {name: shop-2, namespace: default}\nstatic: {hosts: [{addr: a.test, port: 80}]}",
      ),
    );
    const after = await waitFor(async () => (await weights()) !== before && weights());
    await waitFor(async () => !(await stored()).includes("upstream default.shop-2 not found"));
    expect(await stored()).toContain("upstream default.shop-1 not found");
    expect(controller.child.ended()).toBeUndefined();
    return [before, after];
  } catch (error) {
    throw new Error(controller.child.output(), { cause: error });
  }
}

const rollout = `metadata: {name: shop, namespace: default}
from: {name: shop-1, namespace: default}
to: {name: shop-2, namespace: default}
percent: 20
`;

test("the same controller works on files", async () => {
  const directory = join(packed.workspace, "config");
  await mkdir(join(directory, "rollouts/default"), { recursive: true });
  const file = join(directory, "rollouts/default/shop.yaml");
  await writeFile(file, rollout);
  await using storage = createFileStorage({ directory });
  expect(await rollOut(storage, { EPOXY_DIR: directory }, () => readFile(file, "utf8"))).toEqual(["100", "80,20"]);
});

test("the same controller works on a real Consul", async () => {
  await using consul = await startConsul();
  const path = "/v1/kv/gloo/traffic.example.com/v1/Rollout/default/shop";
  await consul.api("PUT", path, rollout);
  await using storage = createConsulStorage({ address: consul.address });
  const stored = async (): Promise<string> => (await consul.api("GET", `${path}?raw`)).body;
  expect(await rollOut(storage, { CONSUL_HTTP_ADDR: consul.address }, stored)).toEqual(["100", "80,20"]);
});

test("the same controller works on a real Kubernetes, with the definition that was generated", async () => {
  const crd = parse(await readFile(join(project, "generated/crds/rollouts.traffic.example.com.yaml"), "utf8"));
  await cluster().createCrds([crd, ...generatedCrds(UpstreamKind, UpstreamGroupKind)]);
  const kubeconfig = await cluster().kubeconfig();
  const { metadata, ...spec } = parse(rollout);
  const object = { apiVersion: "traffic.example.com/v1", kind: "Rollout", metadata, spec };
  const path = "/apis/traffic.example.com/v1/namespaces/default/rollouts";
  await cluster().apiOk("POST", path, object);
  await using storage = createKubernetesStorage({ kubeconfig });
  const stored = async (): Promise<string> => JSON.stringify(await cluster().apiOk("GET", `${path}/shop`));
  expect(await rollOut(storage, { KUBECONFIG: kubeconfig }, stored)).toEqual(["100", "80,20"]);
});
