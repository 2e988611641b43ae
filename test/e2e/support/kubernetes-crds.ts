import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const root = join(import.meta.dirname, "../../..");

/** The CustomResourceDefinitions of all kinds. */
export const generatedCrds = (): object[] =>
  globSync("generated/crds/*.yaml", { cwd: root }).map((file) => parse(readFileSync(join(root, file), "utf8")));

/** A file of `deploy/kubernetes`, parsed; only its first document. */
export const deployed = (file: string): any =>
  parse(readFileSync(join(root, "deploy/kubernetes", file), "utf8").split(/^---$/m)[0] ?? "");
