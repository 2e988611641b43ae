import { combineErrors, EpoxyError, problemsOf } from "../../errors/index.ts";
import { refOf, refText, type Resource } from "../../resources/index.ts";
import { type Applied, applyResource } from "../apply-resource.ts";
import type { Invocation } from "../command.ts";
import { readSources, type SourceDocument } from "../read-sources.ts";
import { openStores } from "../stores.ts";
import type { Terminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import type { applyOptions } from "./apply-specs.ts";

/** `epoxy apply`: a resource that can't be written is reported, and the others are written all the same. */
export async function apply({ values, terminal, signal }: Invocation<typeof applyOptions>): Promise<undefined> {
  const documents = await readAll(values.file, terminal, values.namespace);
  await using stores = await openStores(values, signal);
  const errors: EpoxyError[] = [];
  const done: { kind: string; namespace: string; name: string; result: Applied }[] = [];
  for (const { kind, resource } of documents) {
    try {
      const client = await stores.client<Resource>(kind);
      const options = { dryRun: values["dry-run"], force: values.force, signal };
      const { applied } = await applyResource(client, kind, resource, options);
      const ref = refOf(resource);
      done.push({ kind: kind.kind, ...ref, result: applied });
      const dry = values["dry-run"] ? " (dry run)" : "";
      if (!values.json) terminal.out(`${kind.kind.toLowerCase()} ${refText(ref)} ${applied}${dry}\n`);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EpoxyError)) throw error;
      errors.push(...problemsOf(error));
    }
  }
  if (values.json) terminal.out(`${JSON.stringify(done, undefined, 2)}\n`);
  if (errors.length > 0) throw combineErrors(errors);
  return undefined;
}

/** All documents of files. @throws UsageError if no file is named, `invalid` with all that is wrong with them */
export async function readAll(
  files: readonly string[],
  terminal: Terminal,
  namespace: string,
): Promise<readonly SourceDocument[]> {
  if (files.length === 0) throw new UsageError("name the files, folders or - for stdin: -f FILE");
  const { documents, problems } = await readSources(files, terminal, namespace);
  if (problems.length > 0) throw combineErrors(problems);
  if (documents.length === 0) throw new EpoxyError("invalid", `${files.join(", ")}: there is nothing in it`);
  return documents;
}
