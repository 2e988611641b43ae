import { combineErrors, EpoxyError } from "../../errors/index.ts";
import type { Resource } from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { findKind } from "../find-kind.ts";
import { openStores } from "../stores.ts";
import { UsageError } from "../usage-error.ts";
import type { deleteOptions } from "./resource-specs.ts";

/** `epoxy delete`: all names are tried, whatever becomes of the others. */
export async function deleteResources({
  values,
  arguments: words,
  terminal,
  signal,
}: Invocation<typeof deleteOptions>): Promise<undefined> {
  const [kindName = "", ...rest] = words;
  const kind = findKind(kindName);
  const names = new Set([...rest, ...(values.name === undefined ? [] : [values.name])]);
  if (names.size === 0) throw new UsageError(`name the ${kind.kind} to delete: epoxy delete ${kindName} NAME`);
  await using stores = await openStores(values, signal, "existing");
  const client = await stores.client<Resource>(kind);
  const errors: EpoxyError[] = [];
  for (const name of names) {
    try {
      await client.delete({ namespace: kind.scope === "cluster" ? "" : values.namespace, name }, { signal });
      terminal.out(
        values.json
          ? `${JSON.stringify({ kind: kind.kind, name, deleted: true })}\n`
          : `${kind.kind.toLowerCase()} ${name} deleted\n`,
      );
    } catch (error) {
      if (!(error instanceof EpoxyError)) throw error;
      errors.push(error);
    }
  }
  if (errors.length > 0) throw combineErrors(errors);
  return undefined;
}
