import type { AnyKind, Resource } from "../resources/index.ts";
import type { Invocation } from "./command.ts";
import type { writeOptions } from "./options.ts";
import { printResources } from "./print-resources.ts";

/** Prints what was written, or, where nothing is to be written, what would be: as YAML that `epoxy create -f` takes. */
export function printWritten(
  {
    values,
    given,
    terminal,
  }: Pick<Invocation<Pick<typeof writeOptions, "output" | "dry-run">>, "values" | "given" | "terminal">,
  kind: AnyKind,
  resource: Resource,
  statusNamespace: string,
): void {
  const isDry = values["dry-run"];
  const format = isDry && values.output === "table" && !given.has("output") ? "kube-yaml" : values.output;
  // The values were in the hands of the user a moment ago, and with them in place the YAML can be used.
  terminal.out(printResources(kind, [resource], { format, statusNamespace, showSecrets: isDry }));
}
