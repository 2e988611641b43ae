import type { FieldModel, MessageModel, ResourceModel } from "../model/model.ts";
import type { Diagnostic } from "./diagnostic.ts";

const metadataType = "epoxy.core.v1.Metadata";
const statusesType = "epoxy.core.v1.NamespacedStatuses";

/** A DNS-1123 subdomain: the rule for API groups. */
const groupRule = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Kubernetes' rule for versions. */
const versionRule = /^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$/;
const kindRule = /^[A-Z][A-Za-z0-9]*$/;
/** A DNS-1035 label: what Kubernetes takes as a plural. It is the name of a folder and part of URLs, too. */
const pluralRule = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** A resource's names, and the fields that every resource has. */
export function checkResource(message: MessageModel): readonly Diagnostic[] {
  const { resource } = message;
  if (resource === undefined) return [];
  return [
    ...checkNames(message, resource),
    ...checkMetadata(message),
    ...checkStatus(message, resource),
    ...(message.snapshot === undefined
      ? []
      : [
          {
            position: message.snapshot.position,
            message: `${message.localName} is a resource and a snapshot. Remove one of the two options.`,
          },
        ]),
  ];
}

function checkNames({ localName }: MessageModel, resource: ResourceModel): readonly Diagnostic[] {
  const problems: string[] = [];
  if (resource.group === "") problems.push(`${localName} has no group. Add one: group: "acme.example.com".`);
  else if (!groupRule.test(resource.group) || resource.group.length > 253) {
    problems.push(
      `group "${resource.group}" is not a DNS name. Use lower-case letters, digits, "-" and ".", such as "acme.example.com".`,
    );
  }
  if (resource.version === "") problems.push(`${localName} has no version. Add one: version: "v1".`);
  else if (!versionRule.test(resource.version)) {
    problems.push(`version "${resource.version}" is not one. Use v1, v2, …, v1alpha1 or v1beta1.`);
  }
  if (!kindRule.test(resource.kind)) {
    problems.push(
      `kind "${resource.kind}" is not a name in upper camel case. Use letters and digits, such as "VirtualService".`,
    );
  }
  if (resource.plural === "") {
    problems.push(`${localName} has no plural. Add one: plural: "${pluralOf(resource.kind)}".`);
  }
  const plurals = resource.plural === "" ? [] : [resource.plural];
  for (const name of [...plurals, ...resource.shortNames]) {
    if (pluralRule.test(name) && name.length <= 63) continue;
    const what = name === resource.plural ? "plural" : "short name";
    problems.push(
      `${what} "${name}" is not a DNS label. Use lower-case letters, digits and "-", beginning with a letter.`,
    );
  }
  return problems.map((text) => ({ position: resource.position, message: text }));
}

const pluralOf = (kind: string): string => `${kind.toLowerCase()}${/(s|x|ch|sh)$/i.test(kind) ? "es" : "s"}`;

function checkMetadata({ fields, localName, position }: MessageModel): readonly Diagnostic[] {
  const metadata = fields.find(({ name }) => name === "metadata");
  if (metadata === undefined) {
    return [
      { position, message: `resource ${localName} has no metadata. Add the field "${metadataType} metadata = 1;".` },
    ];
  }
  return isSingular(metadata, metadataType)
    ? []
    : [
        {
          position: metadata.position,
          message: `metadata of the resource ${localName} is not a ${metadataType}. Make it one, or rename the field.`,
        },
      ];
}

function checkStatus({ fields, localName, position }: MessageModel, resource: ResourceModel): readonly Diagnostic[] {
  const statuses = fields.find(({ name }) => name === "namespaced_statuses");
  if (resource.hasStatus && statuses === undefined) {
    return [
      {
        position,
        message: `resource ${localName} has_status, but no field for statuses. Add the field "${statusesType} namespaced_statuses = ${freeNumber(fields)};", or remove has_status.`,
      },
    ];
  }
  if (!resource.hasStatus && statuses !== undefined) {
    return [
      {
        position: statuses.position,
        message: `resource ${localName} has a field for statuses, but not has_status. Add "has_status: true" to its option, or remove the field.`,
      },
    ];
  }
  if (statuses !== undefined && !isSingular(statuses, statusesType)) {
    return [
      {
        position: statuses.position,
        message: `namespaced_statuses of ${localName} is not a ${statusesType}. Make it one, or rename the field.`,
      },
    ];
  }
  return [];
}

const isSingular = (field: FieldModel, type: string): boolean =>
  field.cardinality === "singular" &&
  field.oneof === undefined &&
  field.type.kind === "message" &&
  field.type.name === type;

function freeNumber(fields: readonly FieldModel[]): number {
  let number = 2;
  while (fields.some((field) => field.number === number)) number++;
  return number;
}
