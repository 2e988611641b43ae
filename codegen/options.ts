/** What the plugin is told by `opt:` in buf.gen.yaml. Module paths that begin with a dot are relative to its output folder. */
export interface GeneratorOptions {
  /** Module of the runtime that generated code imports. */
  readonly runtime: string;
  /** Folder of ts-proto's output. */
  readonly messages: string;
  /** Ending of imports of files: `.js`, `.ts` or nothing. */
  readonly importSuffix: string;
  /** First part of package names that output paths leave out: with `acme`, package acme.mesh.v1 goes to mesh/v1.ts. */
  readonly root: string;
  /**
   * What is generated: all code, just the tables of all messages, JSON Schemas for the kinds' YAML, the reference in
   * Markdown, or CustomResourceDefinitions for Kubernetes. Several, joined by `+`, are made in one run, each in a folder of its name; module paths are relative to that.
   */
  readonly emit: readonly Emit[];
}

const emits = ["sdk", "tables", "schema", "docs", "crds"] as const;
/** What can be generated. */
export type Emit = (typeof emits)[number];

/** An option that doesn't exist or doesn't parse: the message says all, a stack would not help. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

const defaults: GeneratorOptions = {
  runtime: "epoxy/codegen/v1",
  messages: "../proto",
  importSuffix: ".js",
  root: "",
  emit: ["sdk"],
};

/** Parses the compiler's parameter: `name=value` joined by commas. @throws OptionError */
export function parseOptions(parameter: string): GeneratorOptions {
  const options: Record<string, string> = {};
  for (const part of parameter.split(",").filter((text) => text !== "")) {
    const [, name = part, value] = /^([a-z_]+)=(.*)$/.exec(part) ?? [];
    const key = name === "import_suffix" ? "importSuffix" : name;
    if (value === undefined || !Object.hasOwn(defaults, key) || name === "importSuffix") {
      throw new OptionError(
        `unknown option "${part}": use runtime=, messages=, import_suffix=, root= or emit=, as in "opt: [root=acme]"`,
      );
    }
    options[key] = value;
  }
  const names = options.emit?.split("+") ?? defaults.emit;
  const emit = emits.filter((candidate) => names.includes(candidate));
  if (emit.length !== names.length)
    throw new OptionError(`emit=${options.emit}: use ${emits.join(", ")}, or several with +`);
  return { ...defaults, ...options, emit };
}
