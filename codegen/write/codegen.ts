import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize, relative } from "node:path";
import { parse } from "yaml";
import { CodegenError } from "./codegen-error.ts";
import { applyDifference, compareTrees } from "./compare-trees.ts";
import { runBuf } from "./run-buf.ts";

export interface CodegenOptions {
  /** Folder that holds the template; outputs are relative to it. */
  readonly directory: string;
  /** File name of buf's template; default `buf.gen.yaml`. */
  readonly template?: string | undefined;
  /** What buf reads, in place of the template's inputs. */
  readonly input?: string | undefined;
  /** Write nothing. */
  readonly check?: boolean | undefined;
}

/** What differed from the generated code, and unless it was only a check no longer does. Paths below the directory. */
export interface CodegenResult {
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/**
 * Runs `buf generate` into a temporary folder and makes the outputs of the template equal to it: writes what changed, removes
 * generated files that are no longer generated. With an error nothing is touched.
 * @throws CodegenError
 */
export async function runCodegen(options: CodegenOptions): Promise<CodegenResult> {
  const { directory, template = "buf.gen.yaml", input, check = false } = options;
  const { outputs, inputs: roots } = await readTemplate(join(directory, template));
  const temporary = await mkdtemp(join(tmpdir(), "epoxy-codegen-"));
  try {
    const inputs = input === undefined ? [] : [input];
    await runBuf(["generate", ...inputs, "--template", template, "--output", temporary], directory).catch(
      (error: unknown) => {
        throw error instanceof CodegenError ? new CodegenError(locate(error.message, directory, roots)) : error;
      },
    );
    const changed: string[] = [];
    const removed: string[] = [];
    const differences = await Promise.all(
      outputs.map(async (output) => {
        const others = outputs
          .map((other) => relative(output, other))
          .filter((path) => path !== "" && !path.startsWith(".."));
        return { output, difference: await compareTrees(join(temporary, output), join(directory, output), others) };
      }),
    );
    for (const { output, difference } of differences) {
      changed.push(...[...difference.changed.keys()].map((path) => join(output, path)));
      removed.push(...difference.stale.map((path) => join(output, path)));
      if (!check) await applyDifference(join(directory, output), difference);
    }
    return { changed, removed };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The folders that a template's plugins write to, and those that it reads protos from. */
async function readTemplate(path: string): Promise<{ outputs: readonly string[]; inputs: readonly string[] }> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CodegenError(`${path} can't be read: run this where your buf.gen.yaml is (${String(error)})`);
  });
  const template = parse(content) as Template | null;
  const outputs = (template?.plugins ?? []).flatMap(outputsOf);
  if (outputs.length === 0)
    throw new CodegenError(`${path} has no plugins with an "out" folder: add ts_proto and epoxy`);
  const inputs = (template?.inputs ?? []).flatMap((input) =>
    typeof input.directory === "string" ? [input.directory] : [],
  );
  return { outputs: [...new Set(outputs)], inputs };
}

/** The folders that a plugin owns: its output, or, where it makes several things, their folders in it. */
function outputsOf({ out, opt }: Plugin): readonly string[] {
  if (typeof out !== "string") return [];
  const [, emit = ""] = /(?:^|,)emit=([^,]*)/.exec([opt].flat().join(",")) ?? [];
  return emit.includes("+") ? emit.split("+").map((folder) => join(out, folder)) : [normalize(out)];
}

interface Plugin {
  readonly out?: unknown;
  /** One text or a list of them. */
  readonly opt?: unknown;
}

interface Template {
  readonly plugins?: readonly Plugin[];
  readonly inputs?: readonly { readonly directory?: unknown }[];
}

/** Plugins name files as imports do; here their paths are made those that an editor opens. */
function locate(message: string, directory: string, roots: readonly string[]): string {
  return message.replace(/^(\S+\.proto)(?=:\d+:\d+: )/gm, (file) => {
    const root = roots.find((candidate) => existsSync(join(directory, candidate, file)));
    return root === undefined ? file : join(root, file);
  });
}
