import { EpoxyError } from "../../errors/index.ts";
import type { KubeMetadata, KubeObject, KubeResource } from "../../kubernetes/index.ts";
import { type Kind, parseResourceJson, type Resource, resourceToJson } from "../../resources/index.ts";
import { configMapForm } from "./config-map-form.ts";
import { customForm } from "./custom-form.ts";
import { type ObjectDocument, objectRef, placeOf, withVersion } from "./object-document.ts";
import { secretForm } from "./secret-form.ts";

/** JSON of a resource in Kubernetes' shape: `metadata`, `spec`, `status`. */
export interface ResourceJson {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>> | undefined;
}

/** How resources of a kind are kept in objects of another. */
export interface ObjectForm {
  readonly resource: KubeResource;
  /** The fields of the resource; undefined: the object is none of this kind. @throws `invalid` */
  read(object: KubeObject): Readonly<Record<string, unknown>> | undefined;
  /** What the object holds, with metadata that differ from the resource's. `stored`: what it replaces. */
  write(json: ResourceJson, stored: KubeObject | undefined): Readonly<Record<string, unknown>>;
  /** Whether a write must read before, to keep what the resource doesn't know of. */
  readonly keepsOthers: boolean;
}

/** Between resources of a kind and Kubernetes' objects. */
export interface ObjectCodec<T extends Resource> {
  readonly resource: KubeResource;
  readonly keepsOthers: boolean;
  /** Never throws; undefined: the object is none of this kind, such as a Secret of a Pod. */
  read(object: KubeObject): ObjectDocument<T> | undefined;
  /** @param version the stored one that it replaces; undefined: it is created */
  write(resource: T, version: string | undefined, stored: KubeObject | undefined): KubeObject;
  /** The status as it is kept. */
  status(resource: T): Readonly<Record<string, unknown>>;
}

/** Metadata that the API server sets itself, or doesn't know. A write without them leaves them as they are. */
const notWritten = [
  ...["cluster", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"],
  ...["selfLink", "managedFields"],
] as const;

export function objectCodec<T extends Resource>(kind: Kind<T>): ObjectCodec<T> {
  const form = formOf(kind);
  const toJson = (resource: T): ResourceJson =>
    // No reporter's namespace is empty, so that statuses are always written by namespace.
    resourceToJson(kind, resource, { shape: "kubernetes", statusNamespace: "" }) as unknown as ResourceJson;
  return {
    resource: form.resource,
    keepsOthers: form.keepsOthers,
    read(object) {
      const ref = objectRef(object);
      const place = placeOf(form.resource, ref);
      const version = object.metadata?.resourceVersion ?? "";
      const broken = (error: EpoxyError): ObjectDocument<T> => ({
        ref,
        version,
        stored: undefined,
        problem: { ref, location: { ...error.location, source: place }, error, lastGoodKept: false },
      });
      try {
        const spec = form.read(object);
        if (spec === undefined) return undefined;
        const { managedFields: _, ...metadata } = object.metadata as KubeMetadata;
        const status = (object as { readonly status?: unknown }).status;
        const json = {
          apiVersion: `${kind.group}/${kind.version}`,
          kind: kind.kind,
          metadata,
          spec,
          ...(kind.hasStatus && { status }),
        };
        const { documents, broken: faulty, problems } = parseResourceJson<T>(kind, json, place);
        const problem = faulty[0]?.error ?? problems[0];
        if (problem !== undefined) return broken(problem);
        const resource = documents[0]?.resource;
        if (resource === undefined) return undefined;
        return { ref, version, stored: { ref, version, resource: withVersion(resource, version) }, problem: undefined };
      } catch (error) {
        if (!(error instanceof EpoxyError)) throw error;
        return broken(error);
      }
    },
    write(resource, version, stored) {
      const json = toJson(resource);
      const metadata: Record<string, unknown> = { ...json.metadata };
      for (const name of notWritten) delete metadata[name];
      delete metadata["resourceVersion"];
      // The uid makes the server compare it, which creating can't meet.
      if (version === undefined) delete metadata["uid"];
      else metadata["resourceVersion"] = version;
      const written = form.write(json, stored);
      return { ...written, metadata: { ...metadata, ...(written["metadata"] as object | undefined) } };
    },
    status: (resource) => toJson(resource).status ?? {},
  };
}

/** What a Secret of Kubernetes holds; undefined: it is none of ours, or can't be read. Never throws. */
export const readSecretObject = <T extends Resource>(kind: Kind<T>, object: KubeObject): T | undefined =>
  objectCodec(kind).read(object)?.stored?.resource;

function formOf(kind: Kind<any>): ObjectForm {
  const { group, version, plural } = kind;
  // Gloo's, and with it Epoxy's, secrets and artifacts are Kubernetes' own.
  if (group === "gloo.solo.io" && kind.kind === "Secret") return secretForm;
  if (group === "gloo.solo.io" && kind.kind === "Artifact") return configMapForm;
  return customForm(kind, { group, version, plural, namespaced: kind.scope === "namespaced" });
}
