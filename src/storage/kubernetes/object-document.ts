import { type KubeObject, type KubeResource, resourceName } from "../../kubernetes/index.ts";
import type { Ref, Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StoredEntry } from "../driver.ts";

/** An object with what it says. */
export interface ObjectDocument<T> {
  readonly ref: Ref;
  readonly version: string;
  /** Undefined where it can't be read. */
  readonly stored: StoredEntry<T> | undefined;
  readonly problem: Problem | undefined;
}

export const objectRef = ({ metadata }: KubeObject): Ref => ({
  namespace: metadata?.namespace ?? "",
  name: metadata?.name ?? "",
});

/** How errors name an object: `virtualservices.gateway.solo.io gloo-system/default`. */
export const placeOf = (resource: KubeResource, { namespace, name }: Ref): string =>
  `${resourceName(resource)} ${namespace === "" ? name : `${namespace}/${name}`}`;

/** The resource as it is stored in `version`. */
export const withVersion = <T extends Resource>(resource: T, version: string): T => ({
  ...resource,
  metadata: { ...resource.metadata, resourceVersion: version },
});
