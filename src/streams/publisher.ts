import { type AnyKind, encodeCanonical, type Kind, type Resource, refKey, refOf } from "../resources/index.ts";
import type { CallOptions, ResourceClient } from "../storage/index.ts";
import { resourceFromBytes, type XdsCache } from "../xds/index.ts";

/** Keeps what an xDS cache serves of one kind, under one key, equal to what it is given. Equal resources are sent to nobody again. */
export interface Publisher<T> {
  /** Makes these all that there is. Until the first time clients aren't answered. */
  publish(resources: readonly T[]): void;
  /** Follows a watch until its signal aborts or it ends. What is known stays while the source fails. */
  follow(source: Pick<ResourceClient<T & Resource>, "watch">, options?: CallOptions): Promise<void>;
}

/** The type URL of a kind on the wire: a subscription names it, and `namespace/name` of the resources that it wants. */
export const typeUrlOf = ({ type }: AnyKind): string => `type.googleapis.com/${type.typeName}`;

export function createPublisher<T extends Resource>(kind: Kind<T>, cache: XdsCache, key: string): Publisher<T> {
  const typeUrl = typeUrlOf(kind);
  const encode = (resource: T) => {
    const name = refKey(refOf(resource));
    return resourceFromBytes(typeUrl, name, encodeCanonical(kind.type, resource), {
      origin: `${kind.kind}/${name}`,
    });
  };
  const removal = (name: string) => ({ typeUrl, name });

  function publish(resources: readonly T[]): void {
    const upsert = resources.map(encode);
    const kept = new Set(upsert.map(({ name }) => name));
    const known = cache.dump(key).find((it) => it.typeUrl === typeUrl)?.resources ?? {};
    const remove = Object.keys(known)
      .filter((name) => !kept.has(name))
      .map(removal);
    cache.apply(key, { upsert, remove, complete: [typeUrl] });
  }

  return {
    publish,
    async follow(source, options = {}) {
      for await (const event of source.watch({ signal: options.signal })) {
        if (event.type === "state") publish(event.items);
        else if (event.type === "changes") {
          cache.apply(key, {
            upsert: event.changed.map(encode),
            remove: event.removed.map((ref) => removal(refKey(ref))),
          });
        }
      }
    },
  };
}
