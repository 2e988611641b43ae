import type { NamespacedStatuses, Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import {
  createContext,
  describe,
  type JsonContext,
  type PathStep,
  pathText,
  report,
  type TypeRegistry,
} from "./json-context.ts";
import { keysOf } from "./json-lookup.ts";
import { isObject, readFields, readMessage } from "./json-read.ts";
import type { AnyKind, Kind, Resource } from "./kind.ts";
import { createMessage } from "./message.ts";
import type { Field, MessageType } from "./message-type.ts";
import { nearestName } from "./nearest-name.ts";
import type { Ref } from "./ref.ts";
import { holdsSecrets } from "./walk.ts";

/** How a document is laid out: fields beside `metadata`, or under `spec` as in Kubernetes. */
export type Shape = "bare" | "kubernetes";

/** The namespace that a status without one belongs to, unless the caller says otherwise. */
export const defaultStatusNamespace = "gloo-system";

const bareKeys: ReadonlySet<string> = new Set(["metadata", "status", "namespacedStatuses", "namespaced_statuses"]);
const ownFields: ReadonlySet<string> = new Set(["metadata", "namespaced_statuses"]);
const kubernetesKeys: readonly string[] = ["apiVersion", "kind", "metadata", "spec", "status"];

/** The shape of a document of a known kind. */
export function shapeOf(type: MessageType, json: Readonly<Record<string, unknown>>): Shape {
  const keys = keysOf(type);
  return ["apiVersion", "kind", "spec"].some((key) => json[key] !== undefined && !keys.has(key))
    ? "kubernetes"
    : "bare";
}

/** A field that the kind's message must have, by proto name. */
export function ownField(kind: AnyKind, name: "metadata" | "namespaced_statuses"): Field | undefined {
  return kind.type.fields.find((field) => field.name === name);
}

/** The message type of a Status, as the kind's tables know it. */
export function statusTypeOf(kind: AnyKind): MessageType<Status> | undefined {
  const statuses = ownField(kind, "namespaced_statuses")?.type;
  const map =
    statuses?.kind === "message" ? statuses.message.fields.find(({ name }) => name === "statuses") : undefined;
  return map?.type.kind === "message" ? (map.type.message as MessageType<Status>) : undefined;
}

/** What was read of one object. Without problems in the context, the resource is complete. */
export interface ReadResource<T> {
  readonly resource: T;
  /** As far as it could be read. */
  readonly ref: Ref | undefined;
  readonly shape: Shape;
  /** What was passed over without harm, such as a status that can't be read. */
  readonly notes: readonly string[];
}

/** How a resource is read. */
export interface ReadResourceOptions {
  readonly statusNamespace: string;
  readonly defaultNamespace: string | undefined;
  readonly types: TypeRegistry | undefined;
}

/** Reads a resource of either shape. Problems go to the context. */
export function readResource<T extends Resource>(
  context: JsonContext,
  kind: Kind<T>,
  json: Readonly<Record<string, unknown>>,
  options: ReadResourceOptions,
): ReadResource<T> {
  const type = kind.type as MessageType;
  const shape = shapeOf(type, json);
  const message = createMessage(type);
  const metadata = readMetadata(context, kind, json.metadata, options);
  if (metadata !== undefined) message.metadata = metadata;
  if (shape === "bare") {
    readFields(context, type, json, message, { skip: bareKeys, exclude: ownFields });
  } else {
    reportStrayKeys(context, type, json);
    readSpec(context, type, json.spec, message);
  }
  const notes: string[] = [];
  if (kind.hasStatus) {
    const statuses = readStatuses(kind, json, context.path, options, notes);
    if (statuses !== undefined) message.namespacedStatuses = statuses;
  } else if (json.status !== undefined && json.status !== null) {
    notes.push(`status: ${kind.kind} has none, it is ignored`);
  }
  return { resource: message as unknown as T, ref: metadataRef(metadata ?? json.metadata), shape, notes };
}

function readMetadata(context: JsonContext, kind: AnyKind, json: unknown, options: ReadResourceOptions): unknown {
  const field = ownField(kind, "metadata");
  if (field?.type.kind !== "message") return undefined;
  if (json === undefined || json === null) return report(context, "it has no metadata: add metadata with a name");
  context.path.push("metadata");
  const before = context.problems.length;
  const metadata = readMessage(context, field.type.message, json, false) as Record<string, unknown> | undefined;
  if (metadata !== undefined && context.problems.length === before) {
    if (metadata.name === "") report(context, "it has no name: add metadata.name");
    if (metadata.namespace === "" && kind.scope === "namespaced" && options.defaultNamespace !== undefined) {
      metadata.namespace = options.defaultNamespace;
    }
  }
  context.path.pop();
  return metadata;
}

function metadataRef(metadata: unknown): Ref | undefined {
  if (!isObject(metadata) || typeof metadata.name !== "string" || metadata.name === "") return undefined;
  return { namespace: typeof metadata.namespace === "string" ? metadata.namespace : "", name: metadata.name };
}

function readSpec(context: JsonContext, type: MessageType, spec: unknown, message: Record<string, unknown>): void {
  if (spec === undefined || spec === null) return;
  context.path.push("spec");
  if (isObject(spec)) readFields(context, type, spec, message, { exclude: ownFields });
  else report(context, `expected an object, found ${describe(spec, holdsSecrets(type))}`);
  context.path.pop();
}

function reportStrayKeys(context: JsonContext, type: MessageType, json: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(json)) {
    if (kubernetesKeys.includes(key)) continue;
    const near = nearestName(key, kubernetesKeys);
    const hint = keysOf(type).has(key)
      ? "put it under spec, since the object has apiVersion, kind or spec"
      : near === undefined
        ? `there are ${kubernetesKeys.join(", ")}`
        : `did you mean "${near}"?`;
    report(context, `unknown field: ${hint}`, { key });
  }
}

/**
 * All statuses of an object, whatever their shape. What can't be read is left out and noted: reporters write
 * statuses, so a broken one must not take a user's configuration out of service.
 */
function readStatuses(
  kind: AnyKind,
  json: Readonly<Record<string, unknown>>,
  base: readonly PathStep[],
  options: ReadResourceOptions,
  notes: string[],
): NamespacedStatuses | undefined {
  const statusType = statusTypeOf(kind);
  if (statusType === undefined) return undefined;
  const found = new Map<string, Status>();
  const read = (value: unknown, path: readonly PathStep[], namespace: string): void => {
    if (value === undefined || value === null || found.has(namespace)) return;
    const context = createContext({ types: options.types, yaml: true, path: [...base, ...path] });
    const status = readMessage(context, statusType, value, false);
    if (context.problems.length === 0) found.set(namespace, status as Status);
    for (const problem of context.problems.slice(0, 1)) {
      notes.push(`${pathText(problem.path)}: ${problem.message}; this status is ignored`);
    }
  };
  const readAll = (value: unknown, path: readonly PathStep[]): void => {
    const statuses = isObject(value) ? value.statuses : undefined;
    if (isObject(statuses)) {
      for (const namespace of Object.keys(statuses).sort())
        read(statuses[namespace], [...path, "statuses", namespace], namespace);
    } else if (value !== undefined && value !== null && !(isObject(value) && Object.keys(value).length === 0)) {
      notes.push(`${pathText([...base, ...path])}: expected an object of statuses by namespace; it is ignored`);
    }
  };
  for (const key of ["namespacedStatuses", "namespaced_statuses"])
    if (json[key] !== undefined) readAll(json[key], [key]);
  const status = json.status;
  if (isObject(status) && status.statuses !== undefined) readAll(status, ["status"]);
  else if (!(isObject(status) && Object.keys(status).length === 0)) read(status, ["status"], options.statusNamespace);
  if (found.size === 0) return undefined;
  return { statuses: Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1))) };
}
