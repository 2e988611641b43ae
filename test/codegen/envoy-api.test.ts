import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { generateEnvoyApi } from "../../codegen/envoy/envoy-api.ts";
import { repository } from "./compile.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "epoxy-test-"));
  mkdirSync(join(directory, "node_modules/ts-proto"), { recursive: true });
  for (const path of ["codegen", "generated/envoy", "node_modules/ts-proto/package.json"]) {
    cpSync(join(repository, path), join(directory, path), { recursive: true });
  }
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("the committed code of Envoy's API is what it would be generated to", async () => {
  expect(await generateEnvoyApi(directory, true)).toEqual({ changed: [], removed: [] });
});

test("a check sees that the list of types has changed, without Python", async () => {
  appendFileSync(join(directory, "codegen/envoy/types.txt"), "envoy.extensions.filters.http.cors.v3.Cors\n");
  expect(await generateEnvoyApi(directory, true)).toEqual({
    changed: ["codegen/envoy/descriptors.binpb"],
    removed: [],
  });
});

test("a check sees that generated code was edited or that its generator has changed", async () => {
  const stale = { changed: ["generated/envoy"], removed: [] };
  appendFileSync(join(directory, "codegen/templates/tables.hbs"), "\n");
  expect(await generateEnvoyApi(directory, true)).toEqual(stale);
  cpSync(join(repository, "codegen/templates"), join(directory, "codegen/templates"), { recursive: true });
  expect((await generateEnvoyApi(directory, true)).changed).toEqual([]);
  appendFileSync(join(directory, "generated/envoy/tables.ts"), "\n");
  expect(await generateEnvoyApi(directory, true)).toEqual(stale);
});
