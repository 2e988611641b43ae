import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse, parseAllDocuments } from "yaml";

export const kubernetesFolder = join(import.meta.dirname, "..", "..", "..", "deploy", "kubernetes");

/** An object of Kubernetes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: any;
}

export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

/** All that the kustomization names, as it stands in the files. */
export async function kustomizedFiles(): Promise<Manifest[]> {
  const kustomization = parse(await readFile(join(kubernetesFolder, "kustomization.yaml"), "utf8"));
  const texts = await Promise.all(
    kustomization.resources.map((file: string) => readFile(join(kubernetesFolder, file), "utf8")),
  );
  return texts.flatMap((text) => readManifests(text));
}

/** What the kustomization makes of the files; undefined: there is no kubectl on PATH. */
export async function kustomize(): Promise<Manifest[] | undefined> {
  const run = promisify(execFile);
  try {
    return readManifests((await run("kubectl", ["kustomize", kubernetesFolder])).stdout);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** What certificates.sh prints. */
export async function certificates(folder: string): Promise<Manifest[]> {
  const { stdout } = await promisify(execFile)(join(kubernetesFolder, "certificates.sh"), [folder]);
  return readManifests(stdout);
}

export function find(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((it) => it.kind === kind && it.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name} among the manifests`);
  return found;
}
