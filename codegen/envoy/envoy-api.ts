import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CodegenError } from "../write/codegen-error.ts";
import { type CodegenResult, runCodegen } from "../write/codegen.ts";
import { listFiles } from "../write/compare-trees.ts";
import { runBuf } from "../write/run-buf.ts";

/** Version of the PyPI package that holds Envoy's API. */
const xdsProtosVersion = "1.85.0";

/** What the committed files were made from, and what they were: hashes. A pull of the repository is checked by it alone. */
interface Lock {
  readonly xdsProtos: string;
  /** What descriptors.binpb was made from. */
  readonly descriptorInputs: string;
  /** What generated/envoy was made from. */
  readonly outputInputs: string;
  readonly output: string;
}

const folder = "codegen/envoy";
const outputFolder = "generated/envoy";

/**
 * Generates Envoy's messages if what they depend on has changed. The list of types (types.txt) and the version of Envoy's API
 * need Python 3 and PyPI, through a virtual environment in .cache; what follows from the committed descriptors doesn't.
 *
 * @returns what differed; with `check` nothing is written
 * @throws CodegenError
 */
export async function generateEnvoyApi(directory: string, check: boolean): Promise<CodegenResult> {
  const lockPath = join(directory, folder, "lock.json");
  const lock = existsSync(lockPath) ? (JSON.parse(await readFile(lockPath, "utf8")) as Lock) : undefined;
  const descriptorInputs = await hashFiles(
    directory,
    [`${folder}/types.txt`, `${folder}/descriptors.py`],
    xdsProtosVersion,
  );
  if (lock?.descriptorInputs !== descriptorInputs) {
    if (check) return { changed: [`${folder}/descriptors.binpb`], removed: [] };
    await makeDescriptors(directory);
  }
  const outputInputs = await hashOutputInputs(directory);
  const output = await hashFiles(directory, await filesBelow(directory, outputFolder));
  if (lock?.outputInputs === outputInputs && lock.output === output) return { changed: [], removed: [] };
  if (check) return { changed: [outputFolder], removed: [] };

  const result = await runCodegen({
    directory,
    template: `${folder}/buf.gen.yaml`,
    input: `${folder}/descriptors.binpb`,
  });
  const newLock: Lock = {
    xdsProtos: xdsProtosVersion,
    descriptorInputs,
    outputInputs,
    output: await hashFiles(directory, await filesBelow(directory, outputFolder)),
  };
  await writeFile(lockPath, `${JSON.stringify(newLock, undefined, 2)}\n`);
  return result;
}

async function filesBelow(directory: string, path: string): Promise<readonly string[]> {
  return (await listFiles(join(directory, path))).map((file) => `${path}/${file}`);
}

async function hashOutputInputs(directory: string): Promise<string> {
  const generator = ["read", "model", "render", "templates"].map((part) => filesBelow(directory, `codegen/${part}`));
  const manifest = await readFile(join(directory, "node_modules/ts-proto/package.json"), "utf8");
  const files = [`${folder}/buf.gen.yaml`, `${folder}/descriptors.binpb`, ...(await Promise.all(generator)).flat()];
  return hashFiles(directory, files, (JSON.parse(manifest) as { version: string }).version);
}

async function hashFiles(directory: string, paths: readonly string[], more = ""): Promise<string> {
  const hash = createHash("sha256").update(more);
  for (const path of paths) {
    const content = await readFile(join(directory, path));
    hash.update(`\0${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** Writes descriptors.binpb: the types of types.txt and what they refer to. */
async function makeDescriptors(directory: string): Promise<void> {
  const cache = join(directory, ".cache", "envoy");
  const environment = join(cache, `xds-protos-${xdsProtosVersion}`);
  const python = join(environment, "bin", "python");
  await mkdir(cache, { recursive: true });
  const all = join(cache, "all.binpb");
  if (!existsSync(python)) runPython("python3", ["-m", "venv", environment], directory);
  runPython(python, ["-m", "pip", "install", "--quiet", `xds-protos==${xdsProtosVersion}`], directory);
  runPython(python, [`${folder}/descriptors.py`, `${folder}/types.txt`, all], directory);
  const types = (await readFile(join(directory, folder, "types.txt"), "utf8"))
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
  const wanted = types.flatMap((type) => ["--type", type]);
  await runBuf(["build", all, ...wanted, "--output", `${folder}/descriptors.binpb`], directory);
}

function runPython(command: string, args: readonly string[], cwd: string): void {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status === 0) return;
  throw new CodegenError(
    `Envoy's API can't be generated anew without Python 3, its venv module and PyPI: ${error?.message ?? stderr.trim()}`,
  );
}
