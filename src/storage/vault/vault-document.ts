import { EpoxyError } from "../../errors/index.ts";
import { checkRef, type Kind, parseResourceJson, type Ref, type Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StoredEntry } from "../driver.ts";
import type { VaultSecret, VaultVersion } from "./vault-client.ts";

/** A key with what its newest version says. */
export interface VaultDocument<T> {
  readonly ref: Ref;
  readonly version: VaultVersion;
  /** Undefined where the data were deleted or can't be read. */
  readonly stored: StoredEntry<T> | undefined;
  readonly problem: Problem | undefined;
}

/**
 * The resourceVersion of a version in Vault: its number, and when it was made, since numbers begin anew with a key that was deleted and
 * created again.
 */
export const versionText = ({ number, created }: VaultVersion): string => `${number}-${created.replace(/[^\d]/g, "")}`;

/** The number in a resourceVersion; undefined: it is none of Vault's. */
export function versionNumber(version: string): number | undefined {
  const match = /^([1-9]\d*)-\d+$/.exec(version);
  return match === null ? undefined : Number(match[1]);
}

/** Reads a secret of the key-value store as a resource. Never throws. Problems have paths, and quote no secret value. */
export function readVaultDocument<T extends Resource>(
  kind: Kind<T>,
  ref: Ref,
  place: string,
  secret: VaultSecret,
): VaultDocument<T> {
  const base = { ref, version: secret, stored: undefined, problem: undefined };
  if (secret.data === undefined) return base;
  const broken = (error: EpoxyError): VaultDocument<T> => ({
    ...base,
    problem: { ref, location: { ...error.location, source: place }, error, lastGoodKept: false },
  });
  const options = kind.scope === "cluster" ? {} : { defaultNamespace: ref.namespace };
  const { documents, broken: faulty, problems } = parseResourceJson<T>(kind, secret.data, place, options);
  const [document] = documents;
  const problem = faulty[0]?.error ?? problems[0];
  if (problem !== undefined || document === undefined) {
    return broken(problem ?? new EpoxyError("invalid", `${place}: holds no ${kind.kind}`));
  }
  const { name = "", namespace = "" } = document.resource.metadata ?? {};
  if (name !== ref.name || namespace !== ref.namespace) {
    const meant = `the key stands for ${ref.name}${ref.namespace === "" ? "" : ` in namespace ${ref.namespace}`}`;
    const text = `${place}: metadata says ${JSON.stringify(name)} in namespace ${JSON.stringify(namespace)}, but ${meant}`;
    return broken(new EpoxyError("invalid", text, { location: { source: place, path: "metadata" } }));
  }
  const version = versionText(secret);
  return { ...base, stored: { ref, version, resource: withVersion(document.resource, version) } };
}

/** The resource as it is stored in `version`. */
export const withVersion = <T extends Resource>(resource: T, version: string): T => ({
  ...resource,
  metadata: { ...resource.metadata, resourceVersion: version },
});

/** A key that no resource can have; undefined: one can. */
export function strayProblem(kind: Kind<any>, ref: Ref, place: string): Problem | undefined {
  try {
    checkRef(kind, ref);
    return undefined;
  } catch (cause) {
    const location = { source: place };
    const text = `${place}: no resource can have this name: ${(cause as Error).message}`;
    return { ref: undefined, location, error: new EpoxyError("invalid", text, { location }), lastGoodKept: false };
  }
}
