import { spawnSync } from "node:child_process";
import { appendFile, copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { generate } from "../../codegen/generate.ts";
import { runCodegen } from "../../codegen/write/codegen.ts";
import { compile, head, repository } from "./compile.ts";
import { createProject } from "./project.ts";

// Every run is several processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

/** Runs `epoxy codegen` in a folder. */
function codegen(directory: string, ...args: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(repository, "codegen/cli.ts"), ...args], {
    cwd: directory,
    encoding: "utf8",
  });
  return { status, stderr };
}

const message = (name: string): string =>
  `message ${name} { option (epoxy.options.v1.resource) = {group: "acme.example.com" version: "v1" plural: "${name.toLowerCase()}s"}; epoxy.core.v1.Metadata metadata = 1; }`;

test("the same protos give the same bytes, in whatever order the compiler names the files", () => {
  const request = compile({
    "a.proto": head + message("Mesh"),
    "b.proto": head + message("Zone"),
    "c.proto": `${head.replace("acme.v1", "other.v1")}message Plain { string a = 1; }`,
  });
  const { files } = generate(request);
  expect(files?.length).toBeGreaterThan(4);
  const reversed = {
    ...request,
    protoFile: request.protoFile.toReversed(),
    fileToGenerate: request.fileToGenerate.toReversed(),
  };
  expect(generate(reversed)).toEqual({ files });
});

test("a second run writes nothing, and a check of it succeeds", async () => {
  using project = createProject("kinds");
  const first = await runCodegen({ directory: project.directory });
  expect(first.changed).toContain("out/proto/acme/mesh/v1/mesh.ts");
  const path = join(project.directory, "out/sdk/mesh/v1.ts");
  const before = await stat(path);
  expect(await runCodegen({ directory: project.directory })).toEqual({ changed: [], removed: [] });
  expect((await stat(path)).mtimeMs).toBe(before.mtimeMs);
  expect(codegen(project.directory, "--check")).toEqual({ status: 0, stderr: "" });
});

test("a check names what is stale and exits with 1, and a run mends it; what is not generated is left alone", async () => {
  using project = createProject("kinds");
  const file = (path: string): string => join(project.directory, path);
  await runCodegen({ directory: project.directory });
  const original = await readFile(file("out/sdk/mesh/v1.ts"), "utf8");
  await appendFile(file("out/sdk/mesh/v1.ts"), "// edited\n");
  await rm(file("out/sdk/index.ts"));
  await mkdir(file("out/sdk/gone"));
  await writeFile(file("out/sdk/gone/v1.ts"), original);
  await writeFile(file("out/sdk/own.ts"), "export const own = 1;\n");

  const lines = ["out/sdk/index.ts", "out/sdk/mesh/v1.ts"].map((path) => `stale ${path}\n`).join("");
  expect(codegen(project.directory, "--check")).toEqual({
    status: 1,
    stderr: `${lines}no longer generated out/sdk/gone/v1.ts\nGenerated code is stale: run epoxy codegen\n`,
  });
  expect(await readFile(file("out/sdk/mesh/v1.ts"), "utf8")).toContain("// edited");

  expect(codegen(project.directory)).toEqual({
    status: 0,
    stderr: "wrote out/sdk/index.ts\nwrote out/sdk/mesh/v1.ts\nremoved out/sdk/gone/v1.ts\n",
  });
  expect(await readFile(file("out/sdk/mesh/v1.ts"), "utf8")).toBe(original);
  expect(await readFile(file("out/sdk/own.ts"), "utf8")).toBe("export const own = 1;\n");
});

test("with a mistake in the protos nothing is written, and the mistakes are named by the files' paths", async () => {
  using project = createProject("kinds");
  const proto = join(project.directory, "proto/acme/mesh/v1/mesh.proto");
  await rm(join(project.directory, "out"), { recursive: true });
  const text = await readFile(proto, "utf8");
  await writeFile(proto, text.replace('plural: "zones"', 'plural: "meshes"').replace('path: "owner"', 'path: "onwer"'));
  expect(codegen(project.directory)).toEqual({
    status: 1,
    stderr:
      'proto/acme/mesh/v1/mesh.proto:17:10: path "onwer" of column "OWNER": Mesh has no field "onwer". Did you mean "owner"?\n' +
      'proto/acme/mesh/v1/mesh.proto:65:10: Zone and Mesh (acme/mesh/v1/mesh.proto:17) have the same plural "meshes". It names a folder and a command\'s argument: change one.\n',
  });
  await expect(stat(join(project.directory, "out"))).rejects.toThrow("ENOENT");

  await writeFile(proto, text.replace("string owner = 3", "strin owner = 3"));
  const { status, stderr } = codegen(project.directory);
  expect(status).toBe(1);
  expect(stderr).toContain("proto/acme/mesh/v1/mesh.proto:34:3:");
});

test("schemas and the reference are made in the same run, each in its folder, and what is stale of each is removed", async () => {
  using project = createProject("kinds");
  const file = (path: string): string => join(project.directory, path);
  const template = await readFile(file("buf.gen.yaml"), "utf8");
  await writeFile(
    file("buf.gen.yaml"),
    template.replace("out: out/sdk", "out: out").replace("[import_suffix", "[emit=sdk+schema+docs, import_suffix"),
  );
  const { changed } = await runCodegen({ directory: project.directory });
  expect(changed).toEqual(
    expect.arrayContaining(["out/docs/README.md", "out/docs/meshes.md", "out/schema/meshes.json"]),
  );
  expect(await readFile(file("out/docs/meshes.md"), "utf8")).toContain("# Mesh\n");
  for (const [from, to] of [
    ["out/schema/meshes.json", "out/schema/gone.json"],
    ["out/docs/meshes.md", "out/docs/gone.md"],
    ["out/docs/meshes.md", "out/other/kept.md"],
  ] as const) {
    await mkdir(dirname(file(to)), { recursive: true });
    await copyFile(file(from), file(to));
  }
  expect(codegen(project.directory)).toEqual({
    status: 0,
    stderr: "removed out/schema/gone.json\nremoved out/docs/gone.md\n",
  });
  expect(await readFile(file("out/other/kept.md"), "utf8")).toContain("# Mesh\n");
});

test("a folder without a template is told so", () => {
  using project = createProject("kinds");
  expect(codegen(project.directory, "--template", "none.yaml")).toEqual({
    status: 1,
    stderr: expect.stringMatching(/none\.yaml can't be read: run this where your buf\.gen\.yaml is/),
  });
});
