import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EpoxyError } from "../../errors/index.ts";
import type { Invocation } from "../command.ts";
import { type OwnPackage, ownPackage } from "../own-package.ts";

/** What `npm test` and `npm install` make: not part of the scaffold, and ignored by Git. */
const made = ["node_modules", "generated"];

/** `epoxy init`: a copy of the example that the package ships, named after its folder. */
export async function init({
  values,
  arguments: [target = ""],
  terminal,
}: Invocation<Record<never, never>>): Promise<undefined> {
  const own = ownPackage();
  const example = fileURLToPath(new URL("examples/rollout/", own.folder));
  const folder = resolve(target);
  const copied = await filesBelow(example);
  const files = [...copied, ".gitignore", "package.json"].sort();
  await refuseExisting(folder, target, files);

  for (const file of copied) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(example, file), join(folder, file));
  }
  const manifest = JSON.parse(await readFile(join(example, "package.json"), "utf8"));
  manifest.name = packageName(folder);
  manifest.dependencies.epoxy = await origin(own, folder);
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  // npm leaves this file out of packages.
  await writeFile(join(folder, ".gitignore"), made.map((name) => `${name}/\n`).join(""));

  if (values.json) terminal.out(`${JSON.stringify({ folder, files })}\n`);
  else terminal.out(`${files.map((file) => `wrote ${join(target, file)}\n`).join("")}${nextSteps(target)}`);
  return undefined;
}

/** Where `npm install` in a folder finds the Epoxy that runs: a clone or a packed file where it came from one, else its version. */
async function origin({ folder: root, version }: OwnPackage, folder: string): Promise<string> {
  const own = fileURLToPath(root);
  const modules = dirname(own);
  const fromFolder = (path: string): string => `file:${relative(folder, path)}`;
  if (basename(modules) !== "node_modules") return fromFolder(own);
  const lock = await readFile(join(modules, ".package-lock.json"), "utf8").catch(() => "{}");
  const resolved: unknown = JSON.parse(lock).packages?.["node_modules/epoxy"]?.resolved;
  if (typeof resolved !== "string" || !resolved.startsWith("file:")) return version;
  return fromFolder(resolve(dirname(modules), resolved.slice("file:".length)));
}

const nextSteps = (target: string): string =>
  `\nNext: cd ${target} && npm install && npm test\nThen make proto/traffic/v1/rollout.proto a kind of your own; "npm run codegen" checks it and generates its code.\n`;

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .filter((file) => !made.includes(file.split("/")[0] ?? "") && file !== "package.json" && file !== ".gitignore");
}

/** @throws EpoxyError `already_exists`, before anything is written */
async function refuseExisting(folder: string, target: string, files: readonly string[]): Promise<void> {
  const found = await Promise.all(
    files.map((file) =>
      stat(join(folder, file)).then(
        () => true,
        () => false,
      ),
    ),
  );
  const existing = files.filter((_, index) => found[index]);
  if (existing.length === 0) return;
  throw new EpoxyError("already_exists", `${target} has ${existing.join(", ")} already: name a new folder`);
}

/** The folder's name as npm allows it. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" ? "controller" : name;
}
