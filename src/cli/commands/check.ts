import { type Settings, SettingsKind } from "../../../generated/sdk/index.ts";
import {
  checkConfiguration,
  type CheckedResource,
  type CheckResult,
  type Finding,
  viewNamespaces,
} from "../../control-plane/check/index.ts";
import { EpoxyError, isNotFound } from "../../errors/index.ts";
import { refKey, refOf } from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { readSources, type SourceDocument } from "../read-sources.ts";
import {
  findingsJson,
  type LocatedFinding,
  locatedFinding,
  readingFindings,
  renderFindings,
} from "../report-findings.ts";
import { storedConfiguration } from "../stored-configuration.ts";
import { type StoredPlaces, storedPlaces } from "../stored-places.ts";
import { openStores, type Stores } from "../stores.ts";
import type { checkOptions } from "./check-specs.ts";

type CheckInvocation = Invocation<typeof checkOptions>;

/** What is checked, and where its parts are. */
interface Subject {
  readonly resources: readonly CheckedResource[];
  readonly settings: Settings | undefined;
  readonly knowsSecrets: boolean;
  readonly problems: readonly EpoxyError[];
  readonly place: StoredPlaces;
}

/** `epoxy check`. Resolves to 1 if there are problems. */
export async function check(invocation: CheckInvocation): Promise<number> {
  const { values, signal } = invocation;
  await using stores = await openStores(values, signal, "existing");
  const settings = await storedSettings(stores, invocation);
  await using chosen = await openStores(values, signal, "existing", chosenBy(settings).namespaceChoice);
  const subject = await storedSubject(chosen, settings, invocation);
  const result = run(invocation, subject);
  return report(invocation, subject, result, result.findings);
}

/** `epoxy validate`. Resolves to 1 if there are problems. */
export async function validate(invocation: CheckInvocation): Promise<number> {
  const { values, arguments: paths, terminal, signal } = invocation;
  if (paths.length === 0) return check(invocation);
  const { documents, problems } = await readSources(paths, terminal, values.namespace);
  if (documents.length === 0 && problems.length === 0)
    throw new EpoxyError("invalid", `${paths.join(", ")}: there is nothing in it`);
  if (!values.dir && !values["use-consul"] && !values["use-kubernetes"]) {
    const subject = overlay(
      { resources: [], settings: undefined, knowsSecrets: true, problems, place: () => undefined },
      documents,
    );
    const result = run(invocation, subject);
    return report(invocation, subject, result, result.findings);
  }
  await using stores = await openStores(values, signal);
  const settings = await storedSettings(stores, invocation);
  await using chosen = await openStores(values, signal, "any", chosenBy(settings).namespaceChoice);
  const stored = await storedSubject(chosen, settings, invocation);
  const before = new Set(run(invocation, stored).findings.map((finding) => JSON.stringify(finding)));
  const subject = overlay({ ...stored, problems }, documents);
  const result = run(invocation, subject);
  const own = new Set(documents.map(({ kind, resource }) => keyOf(kind.kind, resource)));
  // What was wrong before, elsewhere, is nothing that the files are to blame for.
  const findings = result.findings.filter(
    (finding) => own.has(`${finding.kind}/${refKey(finding.ref)}`) || !before.has(JSON.stringify(finding)),
  );
  return report(invocation, subject, result, findings, documents.length);
}

const keyOf = (kind: string, resource: CheckedResource["resource"]): string => `${kind}/${refKey(refOf(resource))}`;

/** Those of the folder, or of the cluster, where `epoxy serve --use-kubernetes` takes them from. */
async function storedSettings(stores: Stores, { values, signal }: CheckInvocation): Promise<Settings | undefined> {
  if (stores.settings !== undefined || !values["use-kubernetes"]) return stores.settings;
  const client = await stores.client(SettingsKind);
  try {
    return await client.read({ namespace: values.namespace, name: "default" }, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Which namespaces the Settings choose; of those that can't be used, which is a finding of its own, all. */
function chosenBy(settings: Settings | undefined): ReturnType<typeof viewNamespaces> {
  try {
    return viewNamespaces(settings);
  } catch {
    return { watchNamespaces: [], namespaceChoice: undefined };
  }
}

async function storedSubject(
  stores: Stores,
  settings: Settings | undefined,
  { values, signal }: CheckInvocation,
): Promise<Subject> {
  const knowsSecrets = !values["use-consul"] || values["use-vault"] || Boolean(values.dir);
  const { watchNamespaces } = chosenBy(settings);
  const { resources, problems } = await storedConfiguration(stores, knowsSecrets, watchNamespaces, signal);
  return { resources, problems, knowsSecrets, settings, place: storedPlaces(stores) };
}

/** What there is once the files are applied. */
function overlay(stored: Subject, documents: readonly SourceDocument[]): Subject {
  const own = new Map(documents.map((document) => [keyOf(document.kind.kind, document.resource), document]));
  const settings = documents.find(({ kind }) => kind.kind === SettingsKind.kind)?.resource as Settings | undefined;
  return {
    ...stored,
    settings: settings ?? stored.settings,
    resources: [
      ...stored.resources.filter(({ kind, resource }) => !own.has(keyOf(kind.kind, resource))),
      ...[...own.values()].filter(({ kind }) => kind.kind !== SettingsKind.kind),
    ],
    place: (kind, ref, path) => own.get(`${kind.kind}/${refKey(ref)}`)?.locate(path) ?? stored.place(kind, ref, path),
  };
}

const run = ({ values }: CheckInvocation, { resources, settings, knowsSecrets }: Subject): CheckResult =>
  checkConfiguration({
    resources,
    settings,
    knowsSecrets,
    ...(values["use-consul"] ? { consul: true } : {}),
    now: new Date(),
  });

async function report(
  { values, terminal, signal }: CheckInvocation,
  subject: Subject,
  { served }: CheckResult,
  findings: readonly Finding[],
  count = subject.resources.length,
): Promise<number> {
  const { registry } = await import("../find-kind.ts");
  const located: LocatedFinding[] = [...readingFindings(subject.problems)];
  for (const finding of findings) {
    const kind = registry.byName(finding.kind);
    located.push(locatedFinding(finding, kind && subject.place(kind, finding.ref, finding.path)));
  }
  if (values.envoy) {
    const { askEnvoy } = await import("../ask-envoy.ts");
    located.push(...(await askEnvoy(served, values["envoy-path"], signal)));
  }
  terminal.out(values.json ? findingsJson(located, count) : renderFindings(located, count));
  const counting = values["allow-warnings"] ? located.filter(({ severity }) => severity === "error") : located;
  return counting.length === 0 ? 0 : 1;
}
