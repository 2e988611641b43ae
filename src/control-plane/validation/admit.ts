import {
  type AnyKind,
  parseResourceJson,
  type Ref,
  type Registry,
  type Resource,
  specEquals,
} from "../../resources/index.ts";
import {
  type AdmissionObject,
  type AdmissionRequest,
  type AdmissionResponse,
  admissionWarnings,
} from "./admission-review.ts";
import type { ChangeJudge, IntendedChange, NewProblem } from "./judge-change.ts";

export interface AdmissionPolicy {
  /** Let in what has errors, too, with a warning. */
  readonly alwaysAccept: boolean;
  readonly allowWarnings: boolean;
}

export interface AdmissionContext {
  readonly policy: AdmissionPolicy;
  /** The kinds that are stored as custom resources. */
  readonly registry: Registry;
  /** The kind whose resources are native Secrets. */
  readonly secretKind: AnyKind;
  /** What a native Secret holds; undefined: nothing that is of use here. */
  secretOf(object: AdmissionObject): Resource | undefined;
  readonly judge: ChangeJudge;
  /** Whether what is written there is read here. */
  watches(kind: AnyKind, namespace: string): boolean;
  /** What else can be wrong with a resource by itself. */
  ownProblems(kind: AnyKind, resource: Resource): readonly NewProblem[];
}

/** Gloo's annotation for what is to be let in whatever is wrong with it. */
const SKIP_ANNOTATION = "gateway.solo.io/skip_validation";

/** Before everything is read nobody can tell: the webhook's failure policy decides. */
export const NOT_READY = "validation is not yet available. Waiting for first snapshot";

/** Answers the API server; undefined: {@link NOT_READY}. */
export function admit(request: AdmissionRequest, context: AdmissionContext): AdmissionResponse | undefined {
  const allowed: AdmissionResponse = { uid: request.uid, allowed: true };
  // A status says nothing that could break anything.
  if ((request.subResource ?? "") !== "") return allowed;
  const kind = kindOf(request, context);
  if (kind === undefined) return allowed;
  const namespace = request.namespace || request.object?.metadata?.namespace || "";
  if (kind.scope === "namespaced" && !context.watches(kind, namespace)) return unwatched(allowed, request, namespace);
  const read = readChange(kind, request, context);
  if (read === undefined) return allowed;
  if ("unreadable" in read) {
    const message = `could not unmarshal raw object: ${read.unreadable}`;
    return refusal(request, [message], `resource incompatible with current Gloo snapshot: [${message}]`);
  }
  const { change } = read;
  const { policy, judge } = context;
  const judged = judge.judge(change);
  if (judged === undefined && !policy.alwaysAccept) return undefined;
  const own = change.after === undefined ? [] : context.ownProblems(kind, change.after);
  const found = [...own, ...(judged ?? [])];
  const isRefused = ({ severity }: NewProblem): boolean => severity === "error" || !policy.allowWarnings;
  const refused = policy.alwaysAccept ? [] : found.filter(isRefused);
  if (refused.length > 0) {
    const messages = refused.map(({ message }) => message);
    return refusal(request, messages, refusalText(request, change.ref, messages));
  }
  if (request.dryRun !== true) judge.admit(change);
  const warnings = admissionWarnings(found.map(({ message }) => message));
  return warnings.length === 0 ? allowed : { ...allowed, warnings };
}

/** Another control plane's, or nobody's. */
function unwatched(
  allowed: AdmissionResponse,
  { operation, kind }: AdmissionRequest,
  namespace: string,
): AdmissionResponse {
  // Also asked about is each certificate that anybody renews.
  if (operation === "DELETE" || kind.group === "") return allowed;
  const text = `not validated: the namespace ${namespace} isn't watched (watchNamespaces and watchNamespaceSelectors of the Settings), and what is in it isn't served`;
  return { ...allowed, warnings: admissionWarnings([text]) };
}

function kindOf({ kind: { group, version, kind }, operation }: AdmissionRequest, context: AdmissionContext) {
  if (group !== "") return context.registry.byKind(`${group}/${version}`, kind);
  return kind === "Secret" && (operation === "DELETE" || operation === "UPDATE") ? context.secretKind : undefined;
}

type ReadChange = { readonly change: IntendedChange } | { readonly unreadable: string };

/** The change as resources; undefined: it isn't to be judged. */
function readChange(kind: AnyKind, request: AdmissionRequest, context: AdmissionContext): ReadChange | undefined {
  const { operation, object, oldObject } = request;
  if (operation === "DELETE") {
    const ref = refOfRequest(request, oldObject);
    return ref === undefined ? undefined : { change: { kind, ref, after: undefined } };
  }
  if ((operation !== "CREATE" && operation !== "UPDATE") || !object) return undefined;
  // A Secret that can't be read is as good as none, and an error could quote what is in it.
  const isSecret = kind.kind === context.secretKind.kind;
  const readObject = (given: AdmissionObject) => (isSecret ? context.secretOf(given) : read(kind, given));
  const after = readObject(object);
  if (typeof after === "string") return { unreadable: after };
  if (object.metadata?.annotations?.[SKIP_ANNOTATION] === "true") return undefined;
  // Finalizers come and go after a deletion that was judged, and a status changes nothing.
  const before = oldObject ? readObject(oldObject) : undefined;
  if (after !== undefined && typeof before === "object" && specEquals(kind, before, after)) return undefined;
  const ref = refOfRequest(request, object);
  return ref === undefined ? undefined : { change: { kind, ref, after } };
}

/** The resource, or what is wrong with the object. */
function read(kind: AnyKind, object: AdmissionObject): Resource | string {
  const name = object.metadata?.name ?? "object";
  // An object that is to be named by the server has no name yet.
  const named = { ...object, metadata: { ...object.metadata, name } };
  const { documents, problems } = parseResourceJson(kind, named, `${kind.kind} ${name}`);
  const [document] = documents;
  if (problems.length > 0 || document === undefined) return problems.map(({ message }) => message).join("; ");
  return document.resource;
}

function refOfRequest(
  { name, namespace }: AdmissionRequest,
  object: AdmissionObject | null | undefined,
): Ref | undefined {
  const known = name || object?.metadata?.name;
  return known ? { namespace: namespace || object?.metadata?.namespace || "", name: known } : undefined;
}

/** Gloo's words around what is wrong, which people and scripts look for. */
function refusalText({ kind: { kind }, operation }: AdmissionRequest, ref: Ref, messages: readonly string[]): string {
  const errors = `${messages.length} error${messages.length === 1 ? "" : "s"} occurred:\n${messages.map((message) => `\t* ${message}\n`).join("")}\n`;
  const whose = `namespace: ${ref.namespace} name: ${ref.name}`;
  const text =
    operation === "DELETE"
      ? `failed validating the deletion of resource ${whose}: ${errors}`
      : `Validating *v1.${kind} failed: validating *v1.${kind} ${whose}: ${errors}`;
  return `resource incompatible with current Gloo snapshot: [${text}]`;
}

function refusal({ uid, kind, name }: AdmissionRequest, causes: readonly string[], message: string): AdmissionResponse {
  const details = {
    name,
    group: kind.group,
    kind: kind.kind,
    causes: causes.map((cause) => ({ message: `Error ${cause}` })),
  };
  return { uid, allowed: false, status: { code: 400, message, reason: "Invalid", details } };
}
