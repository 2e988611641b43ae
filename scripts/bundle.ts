// Makes a program of few files: node takes about a third of a millisecond for each module that it loads, and `epoxy serve` has six hundred of our own.
// Packages stay what they are, so nobody else's code is copied.
// Usage, as part of the build: node scripts/bundle.ts [dist]
import { chmodSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";

/** Writes `<folder>/main.js` and the files that it shares with what it loads later. What was in the folder is removed. */
export async function bundle(input: string, folder: string): Promise<void> {
  await using program = await rolldown({
    input: { main: input },
    platform: "node",
    // As in tsconfig.json: the oldest node that is supported knows no `using`.
    transform: { target: "es2024" },
    // What `using` becomes for it is the bundler's own.
    external: (id) => !/^([./]|@oxc-project\/runtime\/)/.test(id),
    // A package is loaded for what is used of it, and not because an index names it.
    treeshake: { moduleSideEffects: "no-external" },
    onLog(level, { code, message }) {
      // What is loaded later on its own may be part of something larger here.
      if (level === "warn" && code !== "INEFFECTIVE_DYNAMIC_IMPORT") throw new Error(message);
    },
  });
  rmSync(folder, { recursive: true, force: true });
  await program.write({ dir: folder, format: "esm", sourcemap: true, sourcemapExcludeSources: true });
  chmodSync(join(folder, "main.js"), 0o755);
}

if (process.argv[1] === import.meta.filename) {
  const repository = join(import.meta.dirname, "..");
  const dist = resolve(process.argv[2] ?? join(repository, "dist"));
  // As deep as what it is made of: a few files of the package are found from there.
  await bundle(join(repository, "src/cli/main.ts"), join(dist, "src/cli/bundle"));
}
