import type { Invocation } from "../command.ts";
import { ownPackage } from "../own-package.ts";

/** `epoxy version` */
export async function version({ values, terminal }: Invocation<Record<never, never>>): Promise<undefined> {
  const epoxy = ownPackage().version;
  terminal.out(values.json ? `${JSON.stringify({ epoxy, node: process.versions.node })}\n` : `epoxy ${epoxy}\n`);
  return undefined;
}
