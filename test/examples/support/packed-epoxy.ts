import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const repository = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

/** Epoxy as `npm publish` would send it, unpacked outside the repository. */
export interface PackedEpoxy extends AsyncDisposable {
  /** An empty folder for somebody's project, outside the repository. */
  readonly workspace: string;
  /** The unpacked package. */
  readonly folder: string;
  /** Does what `npm install` would: the package as a copy, what else is needed linked to what is installed here. */
  install(project: string): Promise<void>;
}

/** Builds and packs the working tree as it is; its own dist is left alone. */
export async function packEpoxy(): Promise<PackedEpoxy> {
  const root = await mkdtemp(join(tmpdir(), "epoxy-packed-"));
  const tree = join(root, "tree");
  await mkdir(tree);
  const parts = ["package.json", "LICENSE", "src", "codegen", "generated", "proto", "examples"];
  await Promise.all(
    parts.map((part) =>
      cp(join(repository, part), join(tree, part), {
        recursive: true,
        // What running an example leaves behind isn't in a fresh checkout.
        filter: (path) => !/examples\/[^/]+\/(node_modules|generated)$/.test(path),
      }),
    ),
  );
  const tsc = join(repository, "node_modules/.bin/tsc");
  // Types are checked elsewhere; here they would only take time.
  await run(tsc, ["-p", "tsconfig.build.json", "--noCheck", "--outDir", join(tree, "dist")], { cwd: repository });
  await run(process.execPath, [join(repository, "scripts/bundle.ts"), join(tree, "dist")]);
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", root], { cwd: tree });
  const [tarball = ""] = (await readdir(root)).filter((name) => name.endsWith(".tgz"));
  await run("tar", ["-xzf", tarball], { cwd: root });
  await rm(tree, { recursive: true });
  const folder = join(root, "package");
  return {
    workspace: root,
    folder,
    install: (project) => install(folder, project),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

async function install(packed: string, project: string): Promise<void> {
  const installed = join(repository, "node_modules");
  const modules = join(project, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  const names = (await readdir(installed)).filter((name) => !name.startsWith("."));
  await Promise.all(names.map((name) => symlink(join(installed, name), join(modules, name))));
  const programs = (await readdir(join(installed, ".bin"))).filter((name) => !/^(epoxy|protoc-gen-epoxy)$/.test(name));
  await Promise.all(programs.map((name) => symlink(join(installed, ".bin", name), join(modules, ".bin", name))));
  await rm(join(modules, "epoxy"), { recursive: true, force: true });
  await cp(packed, join(modules, "epoxy"), { recursive: true });
  await symlink("../epoxy/dist/src/cli/bundle/main.js", join(modules, ".bin/epoxy"));
  await symlink("../epoxy/dist/codegen/main.js", join(modules, ".bin/protoc-gen-epoxy"));
  // npm makes programs executable.
  await run("chmod", ["+x", join(modules, ".bin/epoxy"), join(modules, ".bin/protoc-gen-epoxy")]);
}
