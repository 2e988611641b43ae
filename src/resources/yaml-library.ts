import { createRequire } from "node:module";
import type * as Yaml from "yaml";

const require = createRequire(import.meta.url);

let library: typeof Yaml | undefined;

/**
 * The YAML library that keeps positions and writes. Loaded at the first call, since most starts of a program neither write YAML nor
 * read a text that needs it, and its many modules take longer to load than a hundred resources to read.
 */
export function yaml(): typeof Yaml {
  library ??= require("yaml") as typeof Yaml;
  return library;
}
