import type { ResourceMessage } from "../package-model.ts";
import type { Schema } from "./value-schema.ts";

/** Fields that stand beside `spec`, and in the bare shape are not all read as they are. */
const own: ReadonlySet<string> = new Set(["metadata", "namespaced_statuses"]);

/**
 * A document of a kind, in either shape: with `apiVersion`, `kind` or `spec` that of Kubernetes, else the bare one. By `if`,
 * so that editors complain of what is wrong in the shape that was meant.
 *
 * @param definition what refers to the kind's message
 * @param properties keys of the message
 */
export function kindSchema(message: ResourceMessage, definition: string, properties: readonly string[]): Schema {
  const { resource } = message;
  const apiVersion = `${resource.group}/${resource.version}`;
  const hidden = new Set(
    message.fields.filter(({ name }) => own.has(name)).flatMap((field) => [field.name, field.jsonName]),
  );
  const spec = Object.fromEntries(
    properties.filter((key) => !hidden.has(key)).map((key) => [key, { $ref: `${definition}/properties/${key}` }]),
  );
  const marks = ["apiVersion", "kind", "spec"].filter((key) => !properties.includes(key));
  const metadata = {
    allOf: [{ $ref: `${definition}/properties/metadata` }],
    required: ["name"],
  };
  // Control planes write statuses, and broken ones harm nobody.
  const status = { description: "Written by control planes." };
  return {
    title: `${resource.kind} (${apiVersion})`,
    ...(message.comment === "" ? {} : { description: message.comment }),
    type: "object",
    if: { anyOf: marks.map((key) => ({ required: [key] })) },
    then: {
      properties: {
        apiVersion: { description: "API group and version.", const: apiVersion },
        kind: { description: message.comment, const: resource.kind },
        metadata,
        spec: { type: "object", properties: spec, additionalProperties: false },
        status,
      },
      required: ["apiVersion", "kind", "metadata"],
      additionalProperties: false,
    },
    else: {
      properties: { metadata, ...spec, status, namespacedStatuses: status, namespaced_statuses: status },
      required: ["metadata"],
      additionalProperties: false,
    },
  };
}

/** Documents that name their kind; a bare one may be of any. `refer` leads to a kind's schema. */
export function anyKindSchema(messages: readonly ResourceMessage[], refer: (plural: string) => Schema): Schema {
  const kinds = messages.map(({ resource }) => ({ resource, apiVersion: `${resource.group}/${resource.version}` }));
  return {
    title: "A resource of any kind",
    type: "object",
    properties: {
      apiVersion: { enum: [...new Set([...kinds.map(({ apiVersion }) => apiVersion), "v1"])] },
      kind: { enum: [...kinds.map(({ resource }) => resource.kind), "List"] },
    },
    allOf: [
      ...kinds.map(({ resource, apiVersion }) => ({
        if: {
          properties: { apiVersion: { const: apiVersion }, kind: { const: resource.kind } },
          required: ["apiVersion", "kind"],
        },
        then: refer(resource.plural),
      })),
      {
        if: { properties: { kind: { const: "List" } }, required: ["kind"] },
        then: { properties: { items: { type: "array", items: refer("all") } } },
      },
    ],
  };
}
