import { readFileSync } from "node:fs";
import type { Invocation } from "../command.ts";

/** `epoxy version` */
export async function version({ values, terminal }: Invocation<Record<never, never>>): Promise<undefined> {
  const epoxy = packageVersion();
  terminal.out(values.json ? `${JSON.stringify({ epoxy, node: process.versions.node })}\n` : `epoxy ${epoxy}\n`);
  return undefined;
}

/** That of the nearest package.json above this file: the build is one folder deeper than the sources. */
function packageVersion(): string {
  for (let folder = new URL(".", import.meta.url); ; folder = new URL("..", folder)) {
    try {
      const { name, version: found } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
      if (name === "epoxy") return String(found);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || folder.pathname === "/") throw error;
    }
  }
}
