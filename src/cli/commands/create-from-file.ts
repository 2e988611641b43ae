import { combineErrors, EpoxyError, problemsOf } from "../../errors/index.ts";
import { checkRef, type Kind, parseResources, refOf, refText, type Resource } from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { registry } from "../find-kind.ts";
import { printResources } from "../print-resources.ts";
import { readText } from "../read-text.ts";
import { openStores } from "../stores.ts";
import { UsageError } from "../usage-error.ts";
import type { createOptions } from "./create-specs.ts";

/** `epoxy create -f FILE` */
export async function createFromFile({
  values,
  given,
  arguments: words,
  terminal,
  signal,
}: Invocation<typeof createOptions>): Promise<undefined> {
  if (!values.file || words.length > 0) {
    throw new UsageError(
      "say what to create: a command (upstream, upstreamgroup, virtualservice, routetable, secret) or -f FILE",
    );
  }
  const source = values.file === "-" ? "standard input" : values.file;
  const text = values.file === "-" ? await terminal.input() : readText(values.file);
  const { documents, problems, empty } = parseResources<Resource>(registry, text, source, {
    defaultNamespace: values.namespace,
  });
  if (problems.length > 0) throw combineErrors(problems);
  if (empty) throw new EpoxyError("invalid", `${source}: there is nothing in it`, { location: { source } });
  for (const { kind, resource } of documents) checkRef(kind, refOf(resource));
  await using stores = await openStores(values, signal);
  const { statusNamespace } = stores;
  const format = values.output === "table" && values["dry-run"] && !given.has("output") ? "kube-yaml" : values.output;
  const errors: EpoxyError[] = [];
  const created: { readonly kind: Kind; readonly resource: Resource }[] = [];
  for (const { kind, resource } of documents) {
    try {
      const written = values["dry-run"]
        ? resource
        : await (await stores.client<Resource>(kind)).write(withoutVersion(resource), { signal });
      created.push({ kind, resource: written });
      if (format === "table") terminal.out(`${kind.kind.toLowerCase()} ${refText(refOf(written))} created\n`);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EpoxyError)) throw error;
      errors.push(...problemsOf(error));
    }
  }
  if (format === "json") {
    const { resourceToJson } = await import("../../resources/index.ts");
    const json = created.map(({ kind, resource }) =>
      resourceToJson(kind, resource, { shape: "kubernetes", statusNamespace }),
    );
    terminal.out(`${JSON.stringify(json, undefined, 2)}\n`);
  } else if (format !== "table") {
    for (const { kind, resource } of created) {
      terminal.out(printResources(kind, [resource], { format, statusNamespace, showSecrets: values["dry-run"] }));
    }
  }
  if (errors.length > 0) throw combineErrors(errors);
  return undefined;
}

/** A file printed from a storage names the version that it had there; creating goes by none. */
function withoutVersion(resource: Resource): Resource {
  const { metadata } = resource;
  return metadata === undefined ? resource : { ...resource, metadata: { ...metadata, resourceVersion: "" } };
}
