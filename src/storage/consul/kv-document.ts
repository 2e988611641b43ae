import type { KvEntry } from "../../consul/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import { type Kind, parseResources, type Ref, type Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StoredEntry } from "../driver.ts";
import type { KeyLayout } from "./key-layout.ts";

/** A key with what its value says. */
export interface KvDocument<T> {
  readonly key: string;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** As far as it could be told. */
  readonly ref: Ref | undefined;
  /** Undefined where the value can't be read, and for keys that hold no resource. */
  readonly stored: StoredEntry<T> | undefined;
  readonly problem: Problem | undefined;
}

/** Reads an entry of the key-value store. Never throws. The ModifyIndex is the resource's version, whatever the value says. */
export function readKvDocument<T extends Resource>(kind: Kind<T>, layout: KeyLayout, entry: KvEntry): KvDocument<T> {
  const { key, createIndex, modifyIndex } = entry;
  const place = layout.placeOf(key);
  const base = { key, createIndex, modifyIndex, ref: undefined, stored: undefined, problem: undefined };
  if (place.type === "folder") return base;
  const keyRef = place.type === "resource" ? place.ref : undefined;
  const broken = (ref: Ref | undefined, error: EpoxyError): KvDocument<T> => {
    const location = { ...error.location, source: key };
    return { ...base, ref, problem: { ref, location, error, lastGoodKept: false } };
  };
  const invalid = (ref: Ref | undefined, message: string): KvDocument<T> =>
    broken(ref, new EpoxyError("invalid", `${key}: ${message}`, { location: { source: key } }));
  if (place.type === "stray")
    return invalid(undefined, `not a place for a resource, whose key is ${layout.prefix}<namespace>/<name>`);

  const namespace = place.type === "namespace" ? place.namespace : place.ref.namespace;
  const options = kind.scope === "cluster" ? {} : { defaultNamespace: namespace };
  const { documents, broken: faulty, problems, empty } = parseResources<T>(kind, entry.text(), key, options);
  const fault = faulty[0]?.error ?? problems[0];
  if (fault !== undefined) return broken(keyRef ?? faulty[0]?.ref, fault);
  if (empty) return invalid(keyRef, "the value is empty");
  const [document, ...others] = documents;
  if (document === undefined || others.length > 0) {
    return invalid(keyRef, `holds ${documents.length} resources; one key holds one resource`);
  }
  const metadata = document.resource.metadata;
  const named: Ref = { namespace: metadata?.namespace ?? "", name: metadata?.name ?? "" };
  const ref = keyRef ?? named;
  if (named.namespace !== namespace || named.name !== ref.name) {
    const meant = `the key stands for ${ref.name} in namespace ${namespace}`;
    return invalid(keyRef, `metadata says ${named.name} in namespace ${named.namespace}, but ${meant}`);
  }
  const version = `${modifyIndex}`;
  return { ...base, ref, stored: { ref, version, resource: withVersion(document.resource, version) } };
}

/** The resource as it is stored in `version`. Its metadata are those of a resource that was read or checked. */
export function withVersion<T extends Resource>(resource: T, version: string): T {
  return { ...resource, metadata: { ...resource.metadata, resourceVersion: version } };
}
