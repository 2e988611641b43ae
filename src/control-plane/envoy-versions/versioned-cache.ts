import {
  envoyTypes,
  resourceFromParts,
  type XdsCache,
  type XdsChange,
  type XdsNode,
  type XdsPart,
  type XdsResource,
  xdsPart,
} from "../../xds/index.ts";
import { type EnvoyVersion, type NewerField, newerFields } from "./newer-fields.ts";
import { createWithhold, isOlder, type Withhold } from "./withhold.ts";

/** What older proxies of a role aren't given. */
export interface WithheldContent {
  /** Snapshot key of these proxies. */
  readonly key: string;
  readonly typeUrl: string;
  readonly name: string;
  readonly origin: string | undefined;
  readonly fields: readonly NewerField[];
  /** All of it is withheld, and what these proxies had before stays. */
  readonly whole: boolean;
}

/** A cache that has, beside what it is given, the same as older proxies can understand it, where there are any. */
export interface VersionedCache {
  /** What is applied to it reaches older proxies, too; their keys aren't among its keys. */
  readonly cache: XdsCache;
  /** The key for a proxy of a role. */
  keyFor(key: string, node: XdsNode): string;
  /** The role that a key, such as `keyFor` gives, stands for. */
  roleOf(key: string): string;
  withheld(): readonly WithheldContent[];
  /** Calls back when `withheld` may have changed. */
  onChange(listener: () => void): void;
}

interface Variant {
  readonly key: string;
  readonly withhold: Withhold;
  readonly contents: Map<string, readonly WithheldContent[]>;
}

/** Proxies differ where a field that is used here came into being. */
const thresholds: readonly EnvoyVersion[] = [
  ...new Map(newerFields.map(({ since }) => [since.join("."), since])).values(),
].toSorted((a, b) => (isOlder(a, b) ? -1 : 1));

const nameKey = ({ typeUrl, name }: { typeUrl: string; name: string }): string => `${typeUrl} ${name}`;

export function createVersionedCache(inner: XdsCache): VersionedCache {
  /** By the key of the role, then by the version that its proxies are older than. */
  const variants = new Map<string, Map<string, Variant>>();
  /** Of the variants, each with its role. */
  const keys = new Map<string, string>();
  const listeners: (() => void)[] = [];

  function adapt(resource: XdsResource, variant: Variant): XdsResource | undefined {
    const contents: WithheldContent[] = [];
    let whole = false;
    const parts = resource.parts.map((part): XdsPart => {
      const stripped = variant.withhold(resource.typeUrl, part.bytes);
      if (stripped === undefined) return part;
      const vital = stripped.fields.some((field) => field.vital === true);
      whole ||= vital;
      const { typeUrl, name } = resource;
      contents.push({ key: variant.key, typeUrl, name, origin: part.origin, fields: stripped.fields, whole: vital });
      return xdsPart(stripped.bytes, part.origin);
    });
    if (contents.length === 0) variant.contents.delete(nameKey(resource));
    else variant.contents.set(nameKey(resource), contents);
    if (whole) return undefined;
    return contents.length === 0 ? resource : resourceFromParts(resource.typeUrl, resource.name, parts, resource);
  }

  function apply(variant: Variant, change: XdsChange): void {
    for (const it of change.remove ?? []) variant.contents.delete(nameKey(it));
    inner.apply(variant.key, { ...change, upsert: change.upsert?.flatMap((it) => adapt(it, variant) ?? []) });
    for (const listener of listeners) listener();
  }

  /** Begins with what there is. */
  function open(key: string, before: EnvoyVersion): Variant {
    const label = before.join(".");
    const variant: Variant = {
      key: `${key} (before Envoy ${label})`,
      withhold: createWithhold(before, envoyTypes()),
      contents: new Map(),
    };
    keys.set(variant.key, key);
    const known = variants.get(key) ?? new Map<string, Variant>();
    variants.set(key, known.set(label, variant));
    const dump = inner.dump(key);
    apply(variant, {
      upsert: dump.flatMap(({ typeUrl, resources }) =>
        Object.keys(resources).flatMap((name) => inner.get(key, typeUrl, name) ?? []),
      ),
      complete: inner.ready(key) || dump.filter(({ complete }) => complete).map(({ typeUrl }) => typeUrl),
    });
    return variant;
  }

  return {
    cache: {
      ...inner,
      apply(key, change) {
        inner.apply(key, change);
        for (const variant of variants.get(key)?.values() ?? []) apply(variant, change);
      },
      delete(key) {
        inner.delete(key);
        for (const variant of variants.get(key)?.values() ?? []) inner.delete(variant.key);
      },
      keys: () => inner.keys().filter((key) => !keys.has(key)),
    },
    keyFor(key, { userAgentName, userAgentVersion }) {
      const [, major, minor] = /^(\d+)\.(\d+)/.exec(userAgentVersion) ?? [];
      if (userAgentName !== "envoy" || major === undefined || minor === undefined) return key;
      const version: EnvoyVersion = [Number(major), Number(minor)];
      const before = thresholds.find((threshold) => isOlder(version, threshold));
      if (before === undefined) return key;
      return (variants.get(key)?.get(before.join(".")) ?? open(key, before)).key;
    },
    roleOf: (key) => keys.get(key) ?? key,
    withheld: () =>
      [...variants.values()].flatMap((known) =>
        [...known.values()].flatMap(({ contents }) => [...contents.values()].flat()),
      ),
    onChange: (listener) => void listeners.push(listener),
  };
}
