import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { JsonValue, TypeRegistry } from "./json-context.ts";
import { fieldToJson, toJson } from "./json-write.ts";
import type { Kind, Resource } from "./kind.ts";
import { getField } from "./message.ts";
import { apiVersionOf } from "./registry.ts";
import { defaultStatusNamespace, type Shape, statusTypeOf } from "./shape.ts";
import { yaml } from "./yaml-library.ts";

/** How a resource is rendered. */
export interface RenderOptions {
  /** Default `bare`: the layout of files and Consul values. */
  readonly shape?: Shape | undefined;
  /** Default `yaml`. */
  readonly format?: "yaml" | "json" | undefined;
  /** Leaves out `metadata.resourceVersion`. */
  readonly omitVersion?: boolean | undefined;
  /** The namespace whose status is written as `status` if it is the only one; default `gloo-system`. */
  readonly statusNamespace?: string | undefined;
  /** Messages that an Any may hold, besides the well-known types. */
  readonly types?: TypeRegistry | undefined;
}

/**
 * A resource as text that {@link parseResources} reads back as it is: metadata, then its fields in order of number, then
 * its status. Ends with a line break.
 */
export function renderResource<T extends Resource>(kind: Kind<T>, resource: T, options: RenderOptions = {}): string {
  const json = resourceToJson(kind, resource, options);
  return options.format === "json" ? `${JSON.stringify(json, undefined, 2)}\n` : renderYaml(json);
}

/** The object that {@link renderResource} writes. */
export function resourceToJson<T extends Resource>(
  kind: Kind<T>,
  resource: T,
  options: RenderOptions = {},
): Record<string, JsonValue> {
  let metadata: JsonValue = {};
  const fields: Record<string, JsonValue> = {};
  for (const field of kind.type.fields) {
    if (field.name === "namespaced_statuses") continue;
    const value = getField(field, resource);
    if (value === undefined) continue;
    const json = fieldToJson(field, value, { types: options.types });
    if (field.name === "metadata") metadata = json;
    else fields[field.jsonName] = json;
  }
  if (options.omitVersion === true) {
    const { resourceVersion: _, ...rest } = metadata as Readonly<Record<string, JsonValue>>;
    metadata = rest;
  }
  const statuses = statusesToJson(kind, resource);
  const statusNamespace = options.statusNamespace ?? defaultStatusNamespace;
  const names = Object.keys(statuses);
  const status: Record<string, JsonValue> = {};
  if (names.length === 1 && names[0] === statusNamespace) status.status = statuses[statusNamespace] ?? {};
  else if (names.length > 0 && options.shape === "kubernetes") status.status = { statuses };
  else if (names.length > 0) status.namespacedStatuses = { statuses };
  if (options.shape !== "kubernetes") return { metadata, ...fields, ...status };
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, spec: fields, ...status };
}

function statusesToJson(kind: Kind<any>, resource: Resource): Record<string, JsonValue> {
  const type = statusTypeOf(kind);
  const statuses = resource.namespacedStatuses?.statuses ?? {};
  if (type === undefined) return {};
  const names = Object.keys(statuses).sort();
  return Object.fromEntries(names.map((name) => [name, statusToJson(kind, statuses[name] as Status)]));
}

/** The JSON of a status. Its state is always written, also where it is the default: people look for it. */
export function statusToJson(kind: Kind<any>, status: Status): Record<string, JsonValue> {
  const type = statusTypeOf(kind);
  const json = type === undefined ? {} : (toJson(type, status) as Record<string, JsonValue>);
  return { ...("state" in json ? {} : { state: "Pending" }), ...json };
}

/**
 * A value as YAML that YAML 1.1 readers (Gloo, kubectl) understand alike: `"yes"`, `"012"` and the like are in quotes.
 * Texts of several lines stay on one line, in quotes, where `inline` is set.
 */
export function renderYaml(json: JsonValue, inline = false): string {
  return yaml().stringify(json, {
    compat: "yaml-1.1",
    lineWidth: 0,
    aliasDuplicateObjects: false,
    blockQuote: !inline,
    indentSeq: false,
  });
}
