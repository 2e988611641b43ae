import {
  RouteOptionKind,
  RouteTableKind,
  SecretKind,
  UpstreamGroupKind,
  UpstreamKind,
  VirtualHostOptionKind,
  VirtualServiceKind,
} from "../../../generated/sdk/index.ts";
import {
  type AnyKind,
  nearestName,
  parseRefKey,
  type Ref,
  refKey,
  refOf,
  refText,
  walkSetFields,
} from "../../resources/index.ts";
import type { CheckedResource } from "./check-configuration.ts";
import type { Finding } from "./finding.ts";

/** What the references in fields of these names lead to. */
const targets: Readonly<Record<string, AnyKind>> = {
  secretRef: SecretKind,
  clientSecretRef: SecretKind,
  upstream: UpstreamKind,
  upstreamRef: UpstreamKind,
  upstreamGroup: UpstreamGroupKind,
};

export interface ReferenceOptions {
  /** Virtual services and route tables that were translated, as `<Kind>/<refKey>`: what they refer to was looked up then. */
  readonly reached: ReadonlySet<string>;
  readonly knowsSecrets: boolean;
}

/** References into nothing that translation doesn't meet: to secrets, and from virtual services and route tables that nothing serves. */
export function checkReferences(
  resources: readonly CheckedResource[],
  known: ReadonlySet<string>,
  { reached, knowsSecrets }: ReferenceOptions,
): readonly Finding[] {
  const keys = [...known];
  return resources.flatMap(({ kind, resource }) => {
    const own = refOf(resource);
    const isRouting = kind.kind === VirtualServiceKind.kind || kind.kind === RouteTableKind.kind;
    const isReached = !isRouting || reached.has(`${kind.kind}/${refKey(own)}`);
    const findings: Finding[] = [];
    walkSetFields(kind.type, resource, (path, field, value) => {
      const target = targetOf(path, field.jsonName);
      if (target === undefined || field.type.kind !== "message") return undefined;
      if (target === SecretKind ? !knowsSecrets : isReached) return undefined;
      for (const [index, ref] of refsIn(value, own).entries()) {
        if (known.has(`${target.kind}/${refKey(ref)}`)) continue;
        const place = Array.isArray(value) ? `${path}[${index}]` : path;
        const message = `${target.kind} ${refText(ref)} not found`;
        const advice = adviceOn(target, ref, keys);
        findings.push({ severity: "error", message, kind: kind.kind, ref: own, path: place, advice });
      }
      return "skip";
    });
    return findings;
  });
}

function targetOf(path: string, name: string): AnyKind | undefined {
  if (name === "ref" && path.endsWith("delegateAction.ref")) return RouteTableKind;
  if (name === "delegateOptions" && path.endsWith("optionsConfigRefs.delegateOptions")) {
    return path.startsWith("virtualHost.optionsConfigRefs") ? VirtualHostOptionKind : RouteOptionKind;
  }
  return Object.hasOwn(targets, name) ? targets[name] : undefined;
}

function refsIn(value: unknown, owner: Ref): readonly Ref[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.flatMap((item) => {
    const { name, namespace } = item as Partial<Ref>;
    return typeof name === "string" && name !== "" ? [{ name, namespace: namespace || owner.namespace }] : [];
  });
}

/** The same of secrets. */
const missingSecret = /^SSL secret not found: list did not find secret ([^\s.]+)\.(\S+)$/;

/** What translators say of what isn't there. */
const missing =
  /(?:\*v1\.)?(Upstream|UpstreamGroup|RouteOption|VirtualHostOption|route table)(?: \{)? ([^\s.]+)\.(\S+)(?: \})? (?:not found|missing)$/;

/** What to do about what translators say, by how it begins. */
const remedies: readonly (readonly [beginning: string, advice: string])[] = [
  ["domain conflict: ", "remove the domain from all but one, or have different gateways select them"],
  ["bind address not unique: ", "give one of them another bindPort or bindAddress"],
  ["no route table matches the given selector", "label a route table accordingly, or correct the selector"],
  ["cannot use both labels and expressions", "keep one of them"],
  ["port cannot be empty for host", "add the port"],
];

/** What to do about a problem that a translator reports; undefined: its text says it. */
export function adviceOnText(message: string, keys: readonly string[]): string | undefined {
  const remedy = remedies.find(([beginning]) => message.startsWith(beginning));
  if (remedy !== undefined) return remedy[1];
  const [, secretNamespace, secretName] = missingSecret.exec(message) ?? [];
  if (secretNamespace !== undefined && secretName !== undefined) {
    return adviceOn(SecretKind, { namespace: secretNamespace, name: secretName }, keys);
  }
  const [, kind, namespace, name] = missing.exec(message) ?? [];
  if (kind === undefined || namespace === undefined || name === undefined) return undefined;
  const target = [UpstreamKind, UpstreamGroupKind, RouteOptionKind, VirtualHostOptionKind].find(
    (it) => it.kind === kind,
  );
  return adviceOn(target ?? RouteTableKind, { namespace, name }, keys);
}

/** What was meant, most likely: the same name in another namespace, or a similar name. */
function adviceOn(target: AnyKind, ref: Ref, keys: readonly string[]): string {
  const prefix = `${target.kind}/`;
  const refs = keys.filter((key) => key.startsWith(prefix)).map((key) => parseRefKey(key.slice(prefix.length)));
  const elsewhere = refs.find(({ name }) => name === ref.name);
  if (elsewhere !== undefined) return `did you mean ${refText(elsewhere)}?`;
  // Names alone: those of one namespace all begin alike.
  const neighbours = refs.filter(({ namespace }) => namespace === ref.namespace).map(({ name }) => name);
  const near = nearestName(ref.name, neighbours);
  return near === undefined
    ? "create it, or correct the reference"
    : `did you mean ${refText({ namespace: ref.namespace, name: near })}?`;
}
