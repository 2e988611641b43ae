import { EpoxyError } from "../errors/index.ts";
import type { KubeList } from "./kube-client.ts";
import { type KubeObject, type KubeResource, type KubeScope, resourceName } from "./kube-object.ts";
import type { WatchEvent } from "./watch-objects.ts";

/**
 * Remembers what was there of a kind in one scope, over lost connections: an API server whose etcd came back without its data answers as if
 * all had been deleted. Its resourceVersions then begin anew, which those of one etcd never do.
 */
export interface LossGuard {
  /** To be called before a list is asked for; what it returns, with the list. */
  asking(): (list: KubeList<KubeObject>, address: string) => void;
  note(events: readonly WatchEvent<KubeObject>[]): void;
}

/** What `asking` returns throws `unavailable` where the list is older than what was known, and nothing of that is in it. */
export function createLossGuard(resource: KubeResource, { namespace }: KubeScope): LossGuard {
  let newest = 0n;
  let uids = new Set<string>();
  return {
    asking() {
      const before = newest;
      return ({ items, resourceVersion }, address) => {
        const version = versionNumber(resourceVersion);
        const found = items.map(({ metadata }) => metadata?.uid ?? "");
        const wentBack = version < before;
        if (wentBack && uids.size > 0 && !found.some((uid) => uids.has(uid))) {
          const what = `${resourceName(resource)}${namespace === undefined ? "" : ` of ${namespace}`}`;
          const told = `Kubernetes at ${address} came back without the ${what} it had (version ${version} after ${before})`;
          const remedy = "what is known is kept; restore etcd, or restart this process to accept the loss";
          throw new EpoxyError("unavailable", `${told}: ${remedy}`);
        }
        // What another watch has noted meanwhile may be newer than the list.
        if (!wentBack && version < newest) return;
        newest = version;
        uids = new Set(found);
      };
    },
    note(events) {
      for (const { type, object } of events) {
        const { uid = "", resourceVersion } = object.metadata ?? {};
        const version = versionNumber(resourceVersion);
        if (version > newest) newest = version;
        if (type === "set") uids.add(uid);
        else if (type === "deleted") uids.delete(uid);
      }
    },
  };
}

/** Versions of one etcd are numbers that grow. Source: "Resource versions" of Kubernetes' API concepts. */
export const versionNumber = (text = ""): bigint => (/^\d+$/.test(text) ? BigInt(text) : 0n);
