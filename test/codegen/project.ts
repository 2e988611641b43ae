import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./compile.ts";

/**
 * A project of somebody who uses Epoxy, made from a case: inside this repository, so that it finds what is installed, with
 * Epoxy's protos where npm would put them. Removed at the end of the block.
 */
export function createProject(name: string): Disposable & { readonly directory: string } {
  mkdirSync(join(repository, ".cache"), { recursive: true });
  const directory = mkdtempSync(join(repository, ".cache", "codegen-"));
  cpSync(join(repository, "test/codegen/cases", name), directory, { recursive: true });
  cpSync(join(repository, "proto"), join(directory, "node_modules/epoxy/proto"), { recursive: true });
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }\n');
  writeFileSync(
    join(directory, "buf.yaml"),
    "version: v2\nmodules:\n  - path: proto\n  - path: node_modules/epoxy/proto\n",
  );
  writeFileSync(
    join(directory, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: {
        paths: {
          "epoxy/codegen/*": ["../../src/codegen-*.ts"],
          "epoxy/proto/*.js": ["../../generated/proto/*.ts"],
          "epoxy/kinds": ["../../generated/sdk/index.ts"],
        },
      },
      include: ["out"],
    }),
  );
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}
