import {
  ProxyKind,
  type Settings,
  SettingsKind,
  SettingsType,
  UpstreamKind,
  VirtualServiceKind,
} from "../../../generated/sdk/index.ts";
import { createGraph } from "../../collections/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import { shortCircuits } from "../../gateway/index.ts";
import {
  type AnyKind,
  problemPath,
  type Resource,
  refKey,
  refOf,
  type TranslationProblem,
} from "../../resources/index.ts";
import type { ServedResource } from "../served-resource.ts";
import { notHonoured, notHonouredText } from "../settings/not-honoured.ts";
import { type SettingsView, viewSettings } from "../settings/settings-view.ts";
import { notServed } from "../status-graph.ts";
import { asIfServed } from "./as-if-served.ts";
import { checkCertificates } from "./check-certificates.ts";
import { adviceOnText, checkReferences } from "./check-references.ts";
import type { Finding } from "./finding.ts";
import { routeSources } from "./route-sources.ts";
import { shortCircuitText } from "./short-circuit-text.ts";
import { type Translated, translateOnce } from "./translate-once.ts";

export interface CheckedResource {
  readonly kind: AnyKind;
  readonly resource: Resource;
}

export interface Configuration {
  readonly resources: readonly CheckedResource[];
  readonly settings: Settings | undefined;
  /** Whether routes may name Consul services that have no Upstream; by default as the settings say. */
  readonly consul?: boolean;
  /** Whether the secrets are among the resources; where they can't be seen, nothing is said about them. */
  readonly knowsSecrets: boolean;
  readonly now: Date;
}

export interface CheckResult {
  readonly findings: readonly Finding[];
  /** What proxies would get. */
  readonly served: readonly ServedResource[];
}

/**
 * Everything that is wrong with a whole configuration, without running anything: what translating it says (in the words that statuses
 * would have), references into nothing, routes that are never reached, and certificates that are about to expire.
 */
export function checkConfiguration(configuration: Configuration): CheckResult {
  const { settings, resources, now } = configuration;
  const { view, finding: settingsFinding } = settingsView(settings);
  const watched = resources.filter(({ kind, resource }) => {
    const { watchNamespaces } = view;
    return (
      kind.scope === "cluster" || watchNamespaces.length === 0 || watchNamespaces.includes(refOf(resource).namespace)
    );
  });
  const { knowsSecrets, consul = view.consul !== undefined } = configuration;
  const seen = { consul, knowsSecrets };
  const output = translateOnce(createGraph({ schedule: () => {} }), watched, view, seen);
  const known = new Set(resources.map(({ kind, resource }) => resourceKey(kind.kind, resource)));
  const keys = [...known];
  // What was translated, or was said to be wrong before it could be.
  const reached = new Set<string>();
  const findings: Finding[] = settingsFinding === undefined ? [] : [settingsFinding];
  const examine = (translated: Translated, isOfInterest: (problem: TranslationProblem) => boolean): void => {
    for (const problem of translated.problems) {
      if (!isOfInterest(problem)) continue;
      for (const { kind, ref } of problem.sources) reached.add(keyOf(kind, ref));
      // Said of the table itself, too.
      if (!problem.message.startsWith("on sub route table ")) {
        findings.push({ ...findingOf(problem, known), advice: adviceOnText(problem.message, keys) });
      }
    }
    for (const fragment of translated.virtualHosts) {
      for (const { routes, opaqueMetadata } of fragment.virtualHosts) {
        for (const source of routeSources(opaqueMetadata)) reached.add(keyOf(source.kind, source.ref));
        const sources = routes.map((route) => routeSources(route.opaqueMetadata));
        for (const source of sources.flat()) reached.add(keyOf(source.kind, source.ref));
        // Of stored Proxies nobody wrote the order of routes by hand.
        if (fragment.owner?.kind !== VirtualServiceKind.kind) continue;
        for (const shortCircuit of shortCircuits(routes))
          findings.push(shortCircuitText(shortCircuit, routes, sources));
      }
    }
  };
  examine(output, () => true);
  const hosts = new Set(
    output.virtualHosts.map(({ owner }) => keyOf(owner?.kind ?? "", { namespace: "", name: "", ...owner?.ref })),
  );
  const unserved = watched.filter(
    ({ kind, resource }) => kind.kind === VirtualServiceKind.kind && !hosts.has(resourceKey(kind.kind, resource)),
  );
  for (const { kind, resource } of unserved) {
    if (reached.has(resourceKey(kind.kind, resource))) continue;
    findings.push({ ...notServed, kind: kind.kind, ref: refOf(resource), path: undefined });
  }
  if (unserved.length > 0) {
    const probed = new Set(unserved.map(({ kind, resource }) => resourceKey(kind.kind, resource)));
    examine(translateOnce(createGraph({ schedule: () => {} }), asIfServed(watched, unserved), view, seen), (problem) =>
      problem.sources.some(({ kind, ref }) => probed.has(keyOf(kind, ref))),
    );
  }
  const placeOf = ({ kind, ref, path = "" }: Finding): string => `${keyOf(kind, ref)} ${path}`;
  const said = new Set(findings.map(placeOf));
  const dangling = checkReferences(watched, known, { reached, knowsSecrets });
  findings.push(...dangling.filter((it) => !said.has(placeOf(it))), ...checkCertificates(watched, now));
  if (settings !== undefined) {
    for (const path of notHonoured(SettingsType, settings)) {
      if (path === settingsFinding?.path) continue;
      const message = notHonouredText(path);
      findings.push({ severity: "warning", message, kind: SettingsKind.kind, ref: refOf(settings), path });
    }
  }
  return { findings: distinct(findings), served: output.served };
}

const keyOf = (kind: string, ref: { readonly namespace: string; readonly name: string }): string =>
  `${kind}/${refKey(ref)}`;
const resourceKey = (kind: string, resource: Resource): string => keyOf(kind, refOf(resource));

/** The view of settings; of those that can't be used, the defaults and what is wrong. */
function settingsView(settings: Settings | undefined): { readonly view: SettingsView; readonly finding?: Finding } {
  try {
    return { view: viewSettings(settings, ".") };
  } catch (error) {
    if (!(error instanceof EpoxyError) || settings === undefined) throw error;
    const { message, location } = error;
    const finding: Finding = {
      severity: "error",
      message,
      kind: SettingsKind.kind,
      ref: refOf(settings),
      path: location?.path,
    };
    return { view: viewSettings(undefined, "."), finding };
  }
}

/** A problem at the resource that holds the faulty part: the innermost that is there. */
function findingOf(problem: TranslationProblem, known: ReadonlySet<string>): Finding {
  const { severity, message, sources } = problem;
  const there = sources.filter(({ kind, ref }) => known.has(keyOf(kind, ref)));
  const isOfRoute = there.at(-1)?.kind === "RouteTable";
  const source = (isOfRoute ? there.at(-1) : there[0]) ?? sources[0];
  const owner = source ?? { kind: ProxyKind.kind, ref: { namespace: "", name: "" } };
  return { severity, message, kind: owner.kind, ref: owner.ref, path: source && problemPath(problem, source) };
}

/** Gateways that serve the same virtual service each have their say; once is enough. Errors first, then by resource. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  const byText = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  const rank = ({ severity, kind, ref }: Finding): string =>
    `${severity === "error" ? 0 : 1} ${kind === UpstreamKind.kind ? 0 : 1} ${keyOf(kind, ref)}`;
  return [...byText.values()]
    .map((finding) => ({ finding, by: rank(finding) }))
    .toSorted((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0))
    .map(({ finding }) => finding);
}
