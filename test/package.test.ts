import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findOrFetch } from "../scripts/binaries.ts";
import { type PackedEpoxy, packEpoxy } from "./examples/support/packed-epoxy.ts";
import { startChild } from "./support/child.ts";
import { waitFor } from "./support/wait-for.ts";

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));

/** What a user of the package has installed besides it, to generate code and compile it. */
const tools = ["@bufbuild/buf", "@types/node", "ts-proto", "typescript", "node"];

describe("the packed package, installed outside the repository", { timeout: 120_000 }, () => {
  let packed: PackedEpoxy;
  let user: string;

  /** Runs a program in the user's folder, with its node_modules/.bin first on PATH as npm does. */
  const inUserFolder = (command: string, args: readonly string[]) =>
    run(command, args, {
      cwd: user,
      maxBuffer: 1 << 24,
      env: { ...process.env, PATH: `${join(user, "node_modules/.bin")}:${process.env["PATH"]}` },
    });
  const node = async (script: string): Promise<any> => {
    const { stdout } = await inUserFolder("node", ["--input-type=module", "--eval", script]);
    return JSON.parse(stdout);
  };

  beforeAll(async () => {
    packed = await packEpoxy();
    user = join(packed.workspace, "user");
    const modules = join(user, "node_modules");
    mkdirSync(join(modules, ".bin"), { recursive: true });
    cpSync(packed.folder, join(modules, "epoxy"), { recursive: true });
    // Only what the manifest names is there: an import of anything else fails.
    for (const name of [...Object.keys(manifest.dependencies), ...tools]) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(repository, "node_modules", name), join(modules, name));
    }
    for (const name of ["buf", "node", "tsc", "protoc-gen-ts_proto"]) {
      symlinkSync(join(repository, "node_modules/.bin", name), join(modules, ".bin", name));
    }
    for (const [name, file] of Object.entries<string>(manifest.bin)) {
      await run("chmod", ["+x", join(modules, "epoxy", file)]);
      symlinkSync(join("..", "epoxy", file), join(modules, ".bin", name));
    }
    writeFileSync(join(user, "package.json"), '{"name": "user", "private": true, "type": "module"}\n');
  }, 180_000);

  afterAll(() => packed[Symbol.asyncDispose]());

  it("runs on the oldest Node that its manifest promises: serves, and every command reads what another wrote", async () => {
    expect(manifest.engines.node).toBe(">=22.12");
    const oldest = await findOrFetch("node-22.12");
    const cli = join(user, "node_modules/epoxy", manifest.bin.epoxy);
    const dir = join(packed.workspace, "on-the-oldest-node");
    const epoxy = async (...words: readonly string[]) => {
      const { stdout, stderr } = await run(oldest, [cli, ...words, "--dir", dir], { cwd: user });
      expect(stderr).toBe("");
      return stdout;
    };
    await epoxy("create", "upstream", "static", "pets", "--static-hosts", "127.0.0.1:1");
    await epoxy("add", "route", "--path-prefix", "/pets", "--dest-name", "pets");
    expect(await epoxy("get", "vs", "-o", "yaml")).toContain("prefix: /pets");
    expect(await epoxy("check")).toContain("No problems found");
    const addresses = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
    const serving = startChild(oldest, [cli, "serve", "--dir", dir, ...addresses]);
    try {
      await waitFor(() => serving.output().includes("all sources are read: serving"), { timeout: 20_000 });
      await waitFor(async () => (await epoxy("get", "vs")).includes("Accepted"), { timeout: 20_000 });
      expect(serving.output()).not.toMatch(/Warning|"level":"(warn|error)"/);
    } finally {
      await serving.stop();
    }
  });

  it("has every entry point that its manifest names, each of which can be imported", async () => {
    const entries = Object.keys(manifest.exports).filter((name) => !name.includes("*") && !name.endsWith(".json"));
    expect(entries.length).toBeGreaterThan(10);
    const names = entries.map((entry) => `epoxy${entry.slice(1)}`);
    const counts = await node(`
      const counts = {};
      for (const name of ${JSON.stringify(names)}) counts[name] = Object.keys(await import(name)).length;
      console.log(JSON.stringify(counts));
    `);
    // All entries but those of types alone export something.
    expect(Object.entries(counts).filter(([name, count]) => count === 0 && name !== "epoxy/codegen/v1")).toEqual([]);
  });

  it("keeps a resource in memory", async () => {
    const stored = await node(`
      import { createMemoryStorage } from "epoxy/storage";
      import { createUpstreamClient, UpstreamType } from "epoxy/kinds";
      await using storage = createMemoryStorage();
      const upstreams = createUpstreamClient(storage);
      const metadata = { name: "petstore", namespace: "gloo-system" };
      await upstreams.write(UpstreamType.codec.fromPartial({ metadata }));
      const { items } = await upstreams.list();
      console.log(JSON.stringify(items.map(({ metadata }) => metadata.name)));
    `);
    expect(stored).toEqual(["petstore"]);
  });

  it("loads no server, no Consul, no RxJS and no YAML for kinds and clients", async () => {
    const loaded = await node(`
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      await import("epoxy/kinds");
      console.log(JSON.stringify(loaded));
    `);
    expect(loaded.length).toBeGreaterThan(3);
    const packages: readonly string[] = loaded.map(
      (url: string) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1],
    );
    // The reader and writer of protobuf's wire format is small, and the only one.
    expect([...new Set(packages)].toSorted()).toEqual(["@bufbuild/protobuf", "epoxy"]);
  });

  it("runs `npx epoxy`", async () => {
    const { stdout } = await inUserFolder("npx", ["--no-install", "epoxy", "version"]);
    expect(stdout).toBe(`epoxy ${manifest.version}\n`);
  });

  it("stores what the command line creates", async () => {
    await inUserFolder("epoxy", [
      "create",
      "upstream",
      "static",
      "petstore",
      "--static-hosts",
      "127.0.0.1:8081",
      "--dir",
      "data",
    ]);
    const { stdout } = await inUserFolder("epoxy", ["get", "upstreams", "--dir", "data", "-o", "yaml"]);
    expect(stdout).toContain("name: petstore");
    expect(existsSync(join(user, "data/config/upstreams/gloo-system/petstore.yaml"))).toBe(true);
  });

  it("generates code for a proto of the user's from the protos that it ships, which compiles against it, as the README's example does", async () => {
    const from = join(repository, "test/codegen/cases/with-epoxy");
    cpSync(join(from, "proto"), join(user, "proto"), { recursive: true });
    const template = readFileSync(join(from, "buf.gen.yaml"), "utf8").replace(
      "[node, ../../codegen/main.ts]",
      "protoc-gen-epoxy",
    );
    expect(template).toContain("protoc-gen-epoxy");
    writeFileSync(join(user, "buf.gen.yaml"), template);
    writeFileSync(
      join(user, "buf.yaml"),
      "version: v2\nmodules:\n  - path: proto\n  - path: node_modules/epoxy/proto\n",
    );
    await inUserFolder("epoxy", ["codegen"]);
    // Fails if anything differs.
    await inUserFolder("epoxy", ["codegen", "--check"]);
    const [, shown = ""] = /^```ts\n([^]*?)^```$/m.exec(readFileSync(join(repository, "README.md"), "utf8")) ?? [];
    expect(shown).toContain("createFileStorage");
    writeFileSync(join(user, "out/readme.ts"), shown);
    const { compilerOptions } = readTsconfig();
    writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["out"] }));
    const compiler = spawnSync(join(user, "node_modules/.bin/tsc"), ["-p", user], { cwd: user, encoding: "utf8" });
    expect(compiler.stdout).toBe("");
  });
});

/** A user's settings: strict, with declarations of libraries checked as they are. */
const readTsconfig = () => ({
  compilerOptions: {
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: ["node"],
  },
});
