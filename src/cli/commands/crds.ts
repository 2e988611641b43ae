import { readdirSync, readFileSync } from "node:fs";
import type { Invocation } from "../command.ts";
import { ownPackage } from "../own-package.ts";

/** `epoxy crds` */
export async function crds({ terminal }: Invocation<Record<never, never>>): Promise<undefined> {
  const folder = new URL("generated/crds/", ownPackage().folder);
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  terminal.out(
    names
      .toSorted()
      .map((name) => `---\n${readFileSync(new URL(name, folder), "utf8")}`)
      .join(""),
  );
  return undefined;
}
