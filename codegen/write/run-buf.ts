import { spawn } from "node:child_process";
import { delimiter, dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { CodegenError } from "./codegen-error.ts";

/**
 * Runs buf with the plugins of the project's node_modules, on the Node that runs this.
 * @throws CodegenError with what buf printed
 */
export async function runBuf(args: readonly string[], directory: string): Promise<void> {
  const path = [...binFolders(resolve(directory)), dirname(process.execPath), process.env.PATH ?? ""].join(delimiter);
  const child = spawn("buf", args, {
    cwd: directory,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((fulfil, reject) => {
    child.once("error", reject);
    child.once("close", fulfil);
  }).catch((error: unknown) => {
    throw new CodegenError(
      `buf can't be started: add it with "npm install --save-dev @bufbuild/buf" (${String(error)})`,
    );
  });
  const [code, printed, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new CodegenError(bufMessage(`${printed}${errors}`.trim()));
}

/** node_modules/.bin of a folder and those above it, as npm finds them. */
function binFolders(directory: string): readonly string[] {
  const parent = dirname(directory);
  const own = join(directory, "node_modules", ".bin");
  return parent === directory ? [own] : [own, ...binFolders(parent)];
}

/** buf's words, without those that only say which plugin had the error, or that the others were ended because of it. */
function bufMessage(printed: string): string {
  return printed
    .split("\n")
    .filter((line) => !/^plugin .*: (signal: killed|context canceled)$/.test(line))
    .map((line) => line.replace(/^Failure: plugin [^:]*(protoc-gen-epoxy|main\.[jt]s): /, ""))
    .join("\n");
}
