import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { combineErrors, EpoxyError, isConflict, isNotFound, problemsOf } from "../../errors/index.ts";
import {
  type AnyKind,
  parseResources,
  refKey,
  refOf,
  refText,
  renderResource,
  type Resource,
  specEquals,
} from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { findKind } from "../find-kind.ts";
import { openStores } from "../stores.ts";
import type { editOptions } from "./apply-specs.ts";

/** What the lines begin with that are put on top of a text with faults. */
const note = "#! ";

/** `epoxy edit` */
export async function edit({
  values,
  arguments: words,
  terminal,
  signal,
}: Invocation<typeof editOptions>): Promise<undefined> {
  const kind = findKind(words[0] ?? "");
  const ref = { namespace: kind.scope === "cluster" ? "" : values.namespace, name: words[1] ?? "" };
  await using stores = await openStores(values, signal, "existing");
  const client = await stores.client<Resource>(kind);
  const stored = await client.read(ref, { signal });
  const label = `${kind.kind.toLowerCase()} ${refText(ref)}`;
  const folder = await mkdtemp(join(tmpdir(), "epoxy-edit-"));
  const file = join(folder, `${ref.name}.yaml`);
  const say = (result: string): void => {
    terminal.out(values.json ? `${JSON.stringify({ kind: kind.kind, ...ref, result })}\n` : `${label} ${result}\n`);
  };
  let text = renderResource(
    kind,
    { ...stored, namespacedStatuses: undefined },
    {
      shape: "kubernetes",
      omitVersion: true,
    },
  );
  let isKept = false;
  try {
    for (;;) {
      await writeFile(file, text, { mode: 0o600 });
      await openEditor(terminal.env["VISUAL"] || terminal.env["EDITOR"] || "vi", file, signal);
      const saved = await readFile(file, "utf8");
      const body = withoutNotes(saved);
      const isUntouched = body === withoutNotes(text);
      const { resource, error } = read(kind, body, file, stored);
      if (resource === undefined) {
        if (!isUntouched) {
          text = withNotes(body, error);
          continue;
        }
        isKept = true;
        throw keptError(error, file);
      }
      if (specEquals(kind, stored, resource)) {
        say("unchanged");
        return undefined;
      }
      try {
        const { resourceVersion = "" } = stored.metadata ?? {};
        await client.write({ ...resource, metadata: { ...resource.metadata, resourceVersion } } as Resource, {
          overwrite: true,
          signal,
        });
        say("configured");
        return undefined;
      } catch (failure) {
        await writeFile(file, body, { mode: 0o600 });
        isKept = true;
        if (!(failure instanceof EpoxyError)) throw failure;
        if (isConflict(failure) || isNotFound(failure)) {
          const detail = `${label} was changed by somebody else meanwhile. Your text is in ${file}: see the difference with epoxy diff -f, and apply it with epoxy apply -f`;
          throw new EpoxyError("conflict", detail, { cause: failure, resource: label });
        }
        throw keptError(failure, file);
      }
    }
  } finally {
    if (!isKept) await rm(folder, { recursive: true, force: true });
  }
}

type Read =
  | { readonly resource: Resource; readonly error?: undefined }
  | { readonly resource?: undefined; readonly error: EpoxyError };

/** Reads what was saved: one resource, with the name that it had. */
function read(kind: AnyKind, text: string, source: string, stored: Resource): Read {
  const { documents, problems } = parseResources<Resource>(kind, text, source, {
    defaultNamespace: refOf(stored).namespace,
  });
  if (problems.length > 0) return { error: combineErrors(problems) };
  const [document, ...others] = documents;
  const fault =
    document === undefined || others.length > 0
      ? `expected one ${kind.kind}, found ${documents.length}`
      : refKey(refOf(document.resource)) === refKey(refOf(stored))
        ? undefined
        : `the name can't be changed: expected ${refText(refOf(stored))}, found ${refText(refOf(document.resource))}`;
  if (fault !== undefined || document === undefined) return { error: new EpoxyError("invalid", `${source}: ${fault}`) };
  return { resource: { ...document.resource, namespacedStatuses: stored.namespacedStatuses } };
}

/** The lines that name places are counted below the notes, as an editor shows them. */
function withNotes(body: string, error: EpoxyError): string {
  const problems = problemsOf(error);
  const head = ["This could not be stored. Correct it and save, or save it as it is to give up:"];
  const offset = head.length + problems.length;
  const lines = problems.map(({ message, location }) => {
    const detail = message.replace(/^.*?\.yaml(:\d+)*: /, "");
    return location?.line === undefined ? detail : `line ${location.line + offset}: ${detail}`;
  });
  return `${[...head, ...lines].map((line) => `${note}${line.replaceAll("\n", " ")}\n`).join("")}${body}`;
}

const withoutNotes = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !line.startsWith(note))
    .join("\n");

const keptError = (error: EpoxyError, file: string): EpoxyError =>
  new EpoxyError(error.code, `not stored: ${error.message}. Your text is in ${file}`, { cause: error.cause });

/** Runs the editor and waits for its end. It may be a command with options. */
function openEditor(editor: string, file: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(`${editor} "$EPOXY_EDITED_FILE"`, {
      shell: true,
      stdio: "inherit",
      env: { ...process.env, EPOXY_EDITED_FILE: file },
    });
    signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) return resolve();
      if (signal.aborted) return reject(signal.reason);
      const detail = `the editor (${editor}) ended with code ${code}: nothing is stored; set VISUAL or EDITOR to another one`;
      reject(new EpoxyError("unavailable", detail));
    });
  });
}
