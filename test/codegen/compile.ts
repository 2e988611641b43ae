import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import { type CodeGeneratorRequest, CodeGeneratorRequestSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { generate } from "../../codegen/generate.ts";

export const repository = resolve(import.meta.dirname, "../..");

/** What a compiler would ask the generator for: the given .proto texts by path, which may import Epoxy's protos. */
export function compile(protos: Readonly<Record<string, string>>, parameter = ""): CodeGeneratorRequest {
  const folder = mkdtempSync(join(tmpdir(), "epoxy-test-"));
  try {
    cpSync(join(repository, "proto"), folder, { recursive: true });
    for (const [path, text] of Object.entries(protos)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const only = Object.keys(protos).flatMap((path) => ["--path", path]);
    const image = execFileSync(
      join(repository, "node_modules/.bin/buf"),
      ["build", ".", "--as-file-descriptor-set", "--output", "-#format=binpb", ...only],
      { cwd: folder, maxBuffer: 1 << 26 },
    );
    return create(CodeGeneratorRequestSchema, {
      fileToGenerate: Object.keys(protos),
      protoFile: fromBinary(FileDescriptorSetSchema, image).file,
      parameter,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the generator says of one file `a.proto`, given what stands below its imports (line 7 and on). */
export function diagnose(body: string, more: Readonly<Record<string, string>> = {}): readonly string[] {
  return generate(compile({ "a.proto": `${head}${body}`, ...more })).errors ?? [];
}

/** The beginning of a file with the package acme.v1; it has six lines. */
export const head = [
  'syntax = "proto3";',
  "package acme.v1;",
  'import "epoxy/core/v1/metadata.proto";',
  'import "epoxy/core/v1/status.proto";',
  'import "epoxy/options/v1/options.proto";',
  'import "google/protobuf/struct.proto";',
  "",
].join("\n");
