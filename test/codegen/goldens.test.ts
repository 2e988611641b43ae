import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCodegen } from "../../codegen/write/codegen.ts";
import { listFiles } from "../../codegen/write/compare-trees.ts";
import { repository } from "./compile.ts";
import { createProject } from "./project.ts";

const cases = join(repository, "test/codegen/cases");
const bin = (name: string): string => join(repository, "node_modules/.bin", name);

async function readTree(folder: string): Promise<Readonly<Record<string, string>>> {
  const files = await listFiles(folder);
  return Object.fromEntries(
    await Promise.all(files.map(async (path) => [path, await readFile(join(folder, path), "utf8")])),
  );
}

// UPDATE_GOLDENS=1 rewrites them; look at the difference before you commit it.
// Compilers and formatters are processes: on a busy machine they take their time.
describe.each(readdirSync(cases))("the case %s", { timeout: 120_000 }, (name) => {
  test("generates its golden files, which compile and are formatted", async () => {
    using project = createProject(name);
    const golden = join(cases, name, "out/sdk");
    await rm(join(project.directory, "out"), { recursive: true, force: true });
    await runCodegen({ directory: project.directory });
    if (process.env.UPDATE_GOLDENS !== undefined) {
      await rm(golden, { recursive: true, force: true });
      await cp(join(project.directory, "out/sdk"), golden, { recursive: true });
    }
    const generated = await readTree(join(project.directory, "out/sdk"));
    expect(generated).toEqual(await readTree(golden));

    const compiler = spawnSync(bin("tsc"), ["--project", project.directory], { encoding: "utf8" });
    expect(compiler.stdout).toBe("");

    for (const [path, content] of Object.entries(generated)) {
      const formatter = spawnSync(bin("biome"), ["format", "--stdin-file-path=any.ts"], {
        cwd: repository,
        input: content,
        encoding: "utf8",
      });
      expect({ path, content: formatter.stdout }).toEqual({ path, content });
    }
  });
});
