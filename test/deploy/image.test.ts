import { execFile, spawn } from "node:child_process";
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packEpoxy } from "../examples/support/packed-epoxy.ts";
import { freePorts } from "../support/free-port.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";

const run = promisify(execFile);
/** The one command of the Dockerfile that needs a registry. */
const installing = /^npm install --omit=dev --ignore-scripts --no-audit --no-fund --cache \/tmp\/npm +&& /;
const repository = resolve(import.meta.dirname, "../..");

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, with continued lines joined. */
async function instructions(): Promise<Instruction[]> {
  const text = await readFile(join(repository, "deploy/Dockerfile"), "utf8");
  const lines = text.replace(/\\\n/g, " ").split("\n");
  return lines.flatMap((line) => {
    const match = /^([A-Z]+) (.*)$/.exec(line.trim());
    return match === null ? [] : [{ name: match[1] ?? "", text: match[2] ?? "" }];
  });
}

/** The image, put together as its Dockerfile says, but in a folder and without a container engine. */
describe("the image", () => {
  let folder: string;
  let opt: string;
  let file: readonly Instruction[];
  const all = (name: string) => file.filter((it) => it.name === name).map(({ text }) => text);
  const last = (name: string): string => all(name).at(-1) ?? "";

  beforeAll(async () => {
    file = await instructions();
    folder = await mkdtemp(join(tmpdir(), "epoxy-image-"));
    // The user of the image has to be able to get in.
    await chmod(folder, 0o755);
    opt = join(folder, "opt/epoxy");
    await mkdir(join(opt, "node_modules"), { recursive: true });
    await using packed = await packEpoxy();
    const tarball = (await readdir(packed.workspace)).find((name) => name.endsWith(".tgz")) ?? "";
    await cp(join(packed.workspace, tarball), join(folder, "epoxy.tgz"));
    await writeFile(join(opt, "package.json"), "");
    await writeFile(join(opt, "package-lock.json"), "");
    // What `npm install --omit=dev` brings, from what is installed here already: no test depends on a registry.
    const lock = JSON.parse(await readFile(join(repository, "package-lock.json"), "utf8"));
    const runtime = Object.entries<any>(lock.packages).filter(
      ([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional,
    );
    for (const [path] of runtime) {
      const isThere = await lstat(join(repository, path)).catch(() => undefined);
      if (isThere !== undefined) await link(join(repository, path), join(opt, path));
    }
    const [step = ""] = all("RUN");
    const commands = step
      .replace(installing, "")
      .replace("/tmp/epoxy.tgz", join(folder, "epoxy.tgz"))
      .replace("/tmp/npm", join(folder, ".npm"))
      .replace("/empty", join(folder, "empty"));
    await run("sh", ["-ec", commands], { cwd: opt });
  }, 180_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is distroless, runs as nobody, has the package's Node and declares the ports of the manifests", async () => {
    const [install = "", final = ""] = all("FROM");
    const major = /^node:(\d+)-/.exec(install)?.[1];
    expect(final).toBe(`gcr.io/distroless/nodejs${major}-debian12:nonroot`);
    expect(Number(major)).toBeGreaterThanOrEqual(22);
    expect(last("USER")).toBe("65532:65532");
    const manifest = await readFile(join(repository, "deploy/kubernetes/control-plane.yaml"), "utf8");
    const ports = [...manifest.matchAll(/containerPort: (\d+)/g)].map(([, port]) => port);
    expect(last("EXPOSE").split(" ")).toEqual(ports);
    expect(manifest).toContain("runAsUser: 65532");
  });

  it("holds what runs and nothing else, and starts what its entry point names", async () => {
    expect(all("RUN")).toEqual([expect.stringMatching(installing)]);
    const { bin } = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
    const [node, main] = JSON.parse(last("ENTRYPOINT"));
    expect(node).toBe("/nodejs/bin/node");
    expect(main).toBe(join("/opt/epoxy/node_modules/epoxy", bin.epoxy));
    expect((await readdir(opt)).toSorted()).toEqual(["node_modules"]);
    const modules = await readdir(join(opt, "node_modules"));
    expect(modules).toContain("epoxy");
    for (const tool of ["typescript", "vitest", "@biomejs", "oxlint"]) expect(modules).not.toContain(tool);
    const { stdout } = await run("du", ["-sk", opt]);
    expect(Number.parseInt(stdout, 10)).toBeLessThan(250_000);
  });

  it("serves as a user without rights, and writes into nothing but its data folder", async () => {
    const [xds = 0, admin = 0] = await freePorts(2);
    const data = join(folder, "data");
    await cp(join(repository, "deploy/compose/files/data/config/gateways"), join(data, "config/gateways"), {
      recursive: true,
    });
    const isRoot = process.getuid?.() === 0;
    const user = isRoot ? { uid: 65532, gid: 65532 } : {};
    if (isRoot) await run("chown", ["-R", "65532:65532", data]);
    const before = await files(opt);
    const main = JSON.parse(last("ENTRYPOINT"))[1].replace("/opt/epoxy", opt);
    const command = JSON.parse(last("CMD")).map((it: string) => (it === "/data" ? data : it));
    const addresses = ["--xds-address", `127.0.0.1:${xds}`, "--admin-address", `127.0.0.1:${admin}`];
    const node = await reachableNode(folder);
    const child = spawn(node, [main, ...command, ...addresses], {
      ...user,
      cwd: data,
      env: { NODE_ENV: "production" },
    });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ended = new Promise<number | null>((done) => child.once("close", done));
    try {
      await waitFor(async () => (await httpGet(`http://127.0.0.1:${admin}/readyz`)).status === 200, {
        timeout: 15_000,
      });
    } catch (error) {
      throw new Error(output.slice(-2000), { cause: error });
    } finally {
      child.kill("SIGTERM");
    }
    expect(await ended).toBe(0);
    expect(await files(opt)).toEqual(before);
    expect(await files(join(data, ".epoxy"))).not.toEqual([]);
  });
});

/** A copy of a folder, of links to its files where the file system can: it is large. */
async function link(from: string, to: string): Promise<void> {
  await mkdir(join(to, ".."), { recursive: true });
  await run("cp", ["-rl", from, to]).catch(() => run("cp", ["-r", from, to]));
}

const files = async (path: string): Promise<string[]> => (await readdir(path, { recursive: true })).toSorted();

/** Node at a path that every user can reach. */
async function reachableNode(folder: string): Promise<string> {
  const node = join(folder, "node");
  await cp(process.execPath, node);
  return node;
}
