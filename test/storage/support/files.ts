import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file in place, as `cat >` does, and the folders that lead to it. */
export async function putFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
