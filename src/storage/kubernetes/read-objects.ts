import { type KubeObject, objectKey } from "../../kubernetes/index.ts";
import type { Resource } from "../../resources/index.ts";
import type { DriverList } from "../driver.ts";
import type { ObjectCodec } from "./object-codec.ts";
import type { ObjectDocument } from "./object-document.ts";

/** Reads objects of a kind, each version once: not again in the next list, or after a lost connection. */
export interface ObjectReader<T extends Resource> {
  /** Undefined: it is none of the kind. */
  read(object: KubeObject): ObjectDocument<T> | undefined;
  /** By `objectKey`. */
  forget(key: string): void;
}

interface Known<T> {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  readonly document: ObjectDocument<T> | undefined;
}

export function objectReader<T extends Resource>(codec: ObjectCodec<T>): ObjectReader<T> {
  const known = new Map<string, Known<T>>();
  return {
    read(object) {
      const key = objectKey(object);
      const { uid, resourceVersion: version } = object.metadata ?? {};
      const found = known.get(key);
      if (found !== undefined && found.uid === uid && found.version === version) return found.document;
      const document = codec.read(object);
      known.set(key, { uid, version, document });
      return document;
    },
    forget: (key) => void known.delete(key),
  };
}

/** The readable documents, and what is wrong with the others. */
export function documentList<T>(documents: Iterable<ObjectDocument<T>>): DriverList<T> {
  const all = [...documents];
  return {
    entries: all.flatMap(({ stored }) => stored ?? []),
    problems: all.flatMap(({ problem }) => problem ?? []),
  };
}
