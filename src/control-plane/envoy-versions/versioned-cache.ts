import {
  envoyTypes,
  type Roles,
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
  readonly role: string;
  /** Snapshot key of these proxies. */
  readonly key: string;
  /** They are older than this. */
  readonly before: EnvoyVersion;
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
  /** The role that a key, such as `keyFor` gives, stands for, and its keys that there are by now. */
  readonly roles: Roles;
  /** Proxies of this key, such as another replica's `keyFor` gives, have the role: `withheld` is to tell of them, too. */
  open(role: string, key: string): void;
  withheld(): readonly WithheldContent[];
  /** Calls back when `withheld` may have changed. Returns the way to end it. */
  onChange(listener: () => void): () => void;
}

interface Variant {
  readonly role: string;
  readonly key: string;
  readonly before: EnvoyVersion;
  readonly withhold: Withhold;
  readonly contents: Map<string, readonly WithheldContent[]>;
  /** Who reads it. */
  subscriptions: number;
  /** What became of parts; most are in many versions of their resource. */
  readonly adapted: WeakMap<XdsPart, AdaptedPart>;
}

interface AdaptedPart {
  readonly part: XdsPart;
  /** What was left out. */
  readonly fields: readonly NewerField[];
}

interface Adapted {
  /** Undefined: all of it is withheld. */
  readonly resource: XdsResource | undefined;
  readonly contents: readonly WithheldContent[];
}

/** Proxies differ where a field that is used here came into being. */
const thresholds: readonly EnvoyVersion[] = [
  ...new Map(newerFields.map(({ since }) => [since.join("."), since])).values(),
].toSorted((a, b) => (isOlder(a, b) ? -1 : 1));

const suffixOf = (before: EnvoyVersion): string => ` (before Envoy ${before.join(".")})`;
const keyOf = (role: string, before: EnvoyVersion): string => role + suffixOf(before);
const nameKey = ({ typeUrl, name }: { typeUrl: string; name: string }): string => `${typeUrl} ${name}`;

/** Of a key for older proxies; undefined: it is none. By its text, since such a key may outlive what is kept for it. */
function variantOf(key: string): { readonly role: string; readonly before: EnvoyVersion } | undefined {
  const before = thresholds.find((it) => key.endsWith(suffixOf(it)));
  return before && { role: key.slice(0, -suffixOf(before).length), before };
}

export function createVersionedCache(inner: XdsCache): VersionedCache {
  /** By the key of the role, then by the version that its proxies are older than. */
  const variants = new Map<string, Map<string, Variant>>();
  /** Of the variants. */
  const keys = new Set<string>();
  const listeners = new Set<() => void>();

  function adaptPart(typeUrl: string, part: XdsPart, { withhold, adapted }: Variant): AdaptedPart {
    const known = adapted.get(part);
    if (known !== undefined) return known;
    const stripped = withhold(typeUrl, part.bytes);
    const made =
      stripped === undefined
        ? { part, fields: [] }
        : { part: xdsPart(stripped.bytes, part.origin), fields: stripped.fields };
    adapted.set(part, made);
    return made;
  }

  function adapt(resource: XdsResource, variant: Variant): Adapted {
    const { typeUrl, name } = resource;
    const { role, key, before } = variant;
    const parts = resource.parts.map((part) => adaptPart(typeUrl, part, variant));
    const contents = parts.flatMap(({ part: { origin }, fields }): WithheldContent[] => {
      const whole = fields.some((field) => field.vital === true);
      return fields.length === 0 ? [] : [{ role, key, before, typeUrl, name, origin, fields, whole }];
    });
    if (contents.some(({ whole }) => whole)) return { resource: undefined, contents };
    if (contents.length === 0) return { resource, contents };
    const known = parts.map(({ part }) => part);
    return { resource: resourceFromParts(typeUrl, name, known, resource), contents };
  }

  function note(resource: XdsResource, variant: Variant): readonly XdsResource[] {
    const { resource: given, contents } = adapt(resource, variant);
    if (contents.length === 0) variant.contents.delete(nameKey(resource));
    else variant.contents.set(nameKey(resource), contents);
    return given === undefined ? [] : [given];
  }

  function apply(variant: Variant, change: XdsChange): void {
    for (const it of change.remove ?? []) variant.contents.delete(nameKey(it));
    inner.apply(variant.key, { ...change, upsert: change.upsert?.flatMap((it) => note(it, variant)) });
    if ((change.upsert?.length ?? 0) + (change.remove?.length ?? 0) === 0) return;
    for (const listener of listeners) listener();
  }

  /** Where no proxy of the variant has accepted anything yet, what others of the role have accepted is its last good version. */
  function adopt(variant: Variant, typeUrl: string, name: string): void {
    const { role, key } = variant;
    if (inner.get(key, typeUrl, name) === undefined || inner.accepted(key, typeUrl, name).length > 0) return;
    for (const version of inner.accepted(role, typeUrl, name).toReversed()) {
      const { resource } = adapt(version, variant);
      if (resource !== undefined) inner.accept(key, resource);
    }
  }

  /** Begins with what there is. */
  function openVariant(role: string, before: EnvoyVersion): Variant {
    const label = before.join(".");
    const known = variants.get(role) ?? new Map<string, Variant>();
    const opened = known.get(label);
    if (opened !== undefined) return opened;
    const variant: Variant = {
      ...{ role, before, key: keyOf(role, before), contents: new Map(), adapted: new WeakMap(), subscriptions: 0 },
      withhold: createWithhold(before, envoyTypes()),
    };
    keys.add(variant.key);
    variants.set(role, known.set(label, variant));
    const dump = inner.dump(role);
    const names = dump.flatMap(({ typeUrl, resources }) => Object.keys(resources).map((name) => ({ typeUrl, name })));
    apply(variant, {
      upsert: names.flatMap(({ typeUrl, name }) => inner.get(role, typeUrl, name) ?? []),
      complete: inner.ready(role) || dump.filter(({ complete }) => complete).map(({ typeUrl }) => typeUrl),
    });
    for (const { typeUrl, name } of names) adopt(variant, typeUrl, name);
    return variant;
  }

  /** Whether there is anything for the role, which a client may have made up. */
  const serves = (role: string): boolean =>
    inner.ready(role) ||
    inner.dump(role).some(({ complete, resources }) => complete || Object.keys(resources).length > 0);

  /** If the role is one of ours. Nobody need read it yet: its proxies may be connected to another replica. */
  function openServed(role: string, before: EnvoyVersion | undefined): void {
    if (before === undefined || keys.has(keyOf(role, before)) || !serves(role)) return;
    openVariant(role, before);
  }

  /** Of a role that a client made up, nothing is left when nobody reads it any more. */
  function release({ role, before, key, subscriptions }: Variant): void {
    const known = variants.get(role);
    if (subscriptions > 0 || !keys.has(key) || serves(role)) return;
    known?.delete(before.join("."));
    if (known?.size === 0) variants.delete(role);
    keys.delete(key);
    inner.delete(key);
  }

  /** What proxies of a role at this version are older than, of what makes a difference. */
  function thresholdOf(programVersion: string): EnvoyVersion | undefined {
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(programVersion) ?? [];
    if (major === undefined || minor === undefined) return undefined;
    const version: EnvoyVersion = [Number(major), Number(minor)];
    return thresholds.find((threshold) => isOlder(version, threshold));
  }

  return {
    cache: {
      ...inner,
      apply(key, change) {
        for (const variant of variants.get(key)?.values() ?? []) {
          for (const { typeUrl, name } of change.upsert ?? []) adopt(variant, typeUrl, name);
        }
        inner.apply(key, change);
        for (const variant of variants.get(key)?.values() ?? []) apply(variant, change);
      },
      delete(key) {
        inner.delete(key);
        for (const variant of [...(variants.get(key)?.values() ?? [])]) {
          inner.delete(variant.key);
          variant.contents.clear();
          release(variant);
        }
      },
      subscribe(key, typeUrl, wake, closed) {
        const asked = variantOf(key);
        if (asked === undefined) return inner.subscribe(key, typeUrl, wake, closed);
        const variant = openVariant(asked.role, asked.before);
        variant.subscriptions++;
        return inner.subscribe(key, typeUrl, wake, () => {
          closed?.();
          variant.subscriptions--;
          release(variant);
        });
      },
      keys: () => inner.keys().filter((key) => !keys.has(key)),
    },
    keyFor(key, { userAgentName, userAgentVersion }) {
      const before = userAgentName === "envoy" ? thresholdOf(userAgentVersion) : undefined;
      // A client may call its role as such keys are called: there is no variant of a variant.
      if (before === undefined || variantOf(key) !== undefined) return key;
      openServed(key, before);
      return keyOf(key, before);
    },
    roles: {
      roleOf: (key) => variantOf(key)?.role ?? key,
      keysOf: (role) => [role, ...[...(variants.get(role)?.values() ?? [])].map(({ key }) => key)],
      prepare(role, nodeVersion) {
        openServed(role, thresholdOf(nodeVersion));
      },
    },
    open(role, key) {
      const asked = variantOf(key);
      if (asked?.role === role) openServed(role, asked.before);
    },
    withheld: () =>
      [...variants.values()].flatMap((known) =>
        [...known.values()].flatMap(({ contents }) => [...contents.values()].flat()),
      ),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
