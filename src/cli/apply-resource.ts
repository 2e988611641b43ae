import { EpoxyError, isAlreadyExists, isConflict, isNotFound } from "../errors/index.ts";
import { type AnyKind, refOf, refText, type Resource, specEquals } from "../resources/index.ts";
import type { ResourceClient } from "../storage/index.ts";

export type Applied = "created" | "configured" | "unchanged";

export interface ApplyOptions {
  /** Look, but write nothing. */
  readonly dryRun: boolean;
  /** Take no notice of the version that a resource names. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** How often a resource is looked at anew when others write it at the same time. */
const attempts = 10;

/**
 * Makes the stored resource what is given, but for its statuses, which stay. One that names the version it was made from is only put
 * over that very version.
 * @throws EpoxyError `conflict invalid unavailable`
 */
export async function applyResource(
  client: ResourceClient<Resource>,
  kind: AnyKind,
  resource: Resource,
  { dryRun, force, signal }: ApplyOptions,
): Promise<{ readonly applied: Applied; readonly resource: Resource }> {
  const expected = force ? "" : (resource.metadata?.resourceVersion ?? "");
  for (let attempt = 1; ; attempt++) {
    const stored = await readStored(client, refOf(resource), signal);
    if (stored !== undefined && specEquals(kind, stored, resource)) return { applied: "unchanged", resource: stored };
    const version = stored?.metadata?.resourceVersion ?? "";
    if (expected !== "" && expected !== version) throw changedSince(kind, resource, stored !== undefined);
    const wanted = withVersion({ ...resource, namespacedStatuses: stored?.namespacedStatuses }, version);
    const applied = stored === undefined ? "created" : "configured";
    if (dryRun) return { applied, resource: wanted };
    try {
      return { applied, resource: await client.write(wanted, { overwrite: stored !== undefined, signal }) };
    } catch (error) {
      if (attempt === attempts || !(isConflict(error) || isAlreadyExists(error))) throw error;
    }
  }
}

/** What is stored under a name; undefined: nothing. */
export async function readStored(
  client: ResourceClient<Resource>,
  ref: ReturnType<typeof refOf>,
  signal: AbortSignal,
): Promise<Resource | undefined> {
  try {
    return await client.read(ref, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function changedSince(kind: AnyKind, resource: Resource, isThere: boolean): EpoxyError {
  const label = `${kind.kind} ${refText(refOf(resource))}`;
  const what = isThere ? "was changed" : "was deleted";
  const todo = "see what is stored (epoxy diff), then take metadata.resourceVersion out of the file or give --force";
  return new EpoxyError("conflict", `${label} ${what} since the version in the file: ${todo}`, { resource: label });
}

const withVersion = (resource: Resource, resourceVersion: string): Resource =>
  resource.metadata === undefined ? resource : { ...resource, metadata: { ...resource.metadata, resourceVersion } };
