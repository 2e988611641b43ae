import { posix } from "node:path";
import type { GeneratorOptions } from "../options.ts";

/** What the npm package exports of the code of Epoxy's own protos, for those who import them: kinds and tables. */
const epoxyKinds = "epoxy/kinds";

/** Whether a package is Epoxy's: its code comes with the npm package if it isn't generated. */
export const isEpoxyPackage = (packageName: string): boolean => /^epoxy(\.|$)/.test(packageName);

/** Where things are put, and how one file imports another. */
export interface Layout {
  /** File of a package's types, kinds and clients, such as `gateway/v1.ts`. */
  packageFile(packageName: string): string;
  /** File of a package's snapshots, event loops and reconcilers. */
  controllersFile(packageName: string): string;
  /** File of a package's servers and clients of streamed kinds. */
  streamsFile(packageName: string): string;
  readonly tablesFile: string;
  /** How `fromFile` imports an output file. */
  importOutput(fromFile: string, file: string): string;
  /** How `fromFile` imports ts-proto's output for a .proto. */
  importMessages(fromFile: string, proto: string): string;
  /** How `fromFile` imports the runtime, or a part of it that loads more. */
  importRuntime(fromFile: string, part?: "controllers" | "streams"): string;
  /** How those who don't generate them import the kinds and tables of Epoxy's own protos. */
  readonly epoxyKinds: string;
}

/** The layout that the options ask for. */
export function createLayout(options: GeneratorOptions): Layout {
  const suffix = options.importSuffix;

  return {
    packageFile: (packageName) => `${folderOf(packageName, options.root)}.ts`,
    controllersFile: (packageName) => `${folderOf(packageName, options.root)}-controllers.ts`,
    streamsFile: (packageName) => `${folderOf(packageName, options.root)}-streams.ts`,
    tablesFile: "tables.ts",
    importOutput: (fromFile, file) => relative(fromFile, file.replace(/\.ts$/, suffix)),
    importMessages(fromFile, proto) {
      const module = `${options.messages}/${proto.replace(/\.proto$/, suffix)}`;
      return options.messages.startsWith(".") ? relative(fromFile, module) : module;
    },
    importRuntime(fromFile, part) {
      const module = part === undefined ? options.runtime : options.runtime.replace(/(\.[jt]s)?$/, `-${part}$1`);
      return module.startsWith(".") ? relative(fromFile, module) : module;
    },
    epoxyKinds,
  };
}

/** `target` is a path below the output folder, or leads out of it with dots. */
function relative(fromFile: string, target: string): string {
  const path = posix.relative(posix.dirname(fromFile), target);
  return path.startsWith(".") ? path : `./${path}`;
}

function folderOf(packageName: string, root: string): string {
  const inRoot = root !== "" && packageName.startsWith(`${root}.`);
  return (inRoot ? packageName.slice(root.length + 1) : packageName).replaceAll(".", "/");
}
