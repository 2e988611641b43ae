/** `metadata` of any object, as far as it is used. Source: ObjectMeta of Kubernetes' API. */
export interface KubeMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** An object as the API server gives it. Objects in lists lack apiVersion and kind, unless they are custom resources. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: KubeMetadata;
}

/** A kind of object, as its URL names it. */
export interface KubeResource {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Which objects of a kind. */
export interface KubeScope {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** As the API takes it: `app=web,tier in (a,b)`. */
  readonly labelSelector?: string | undefined;
  /** As the API takes it: `metadata.name=web`. */
  readonly fieldSelector?: string | undefined;
}

/** For people: `virtualservices.gateway.solo.io`. */
export const resourceName = ({ group, plural }: KubeResource): string => (group === "" ? plural : `${plural}.${group}`);

/** Path of a collection, or with a name of an object. */
export function objectPath(resource: KubeResource, namespace: string | undefined, ...rest: readonly string[]): string {
  const { group, version, plural, namespaced } = resource;
  const root = group === "" ? ["api", version] : ["apis", group, version];
  const within = namespaced && namespace !== undefined ? ["namespaces", namespace] : [];
  return `/${[...root, ...within, plural, ...rest].map(encodeURIComponent).join("/")}`;
}

/** Tells objects of one kind apart. */
export const objectKey = ({ metadata }: KubeObject): string => `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
