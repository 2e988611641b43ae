import { execFileSync } from "node:child_process";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { decodeBinary, encodeMessage } from "../../../src/resources/binary.ts";
import {
  type AnyKind,
  type EnumType,
  type Field,
  type FieldValueType,
  type Kind,
  type MessageType,
  type Resource,
  type ScalarType,
  wellKnownType,
} from "../../../src/resources/index.ts";

/** Descriptors of this project's protos and of sample.proto beside this file: what the tests hold the tables against. */
export const registry: FileRegistry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    execFileSync(
      "node_modules/.bin/buf",
      [
        "build",
        "--config",
        JSON.stringify({ version: "v2", modules: [{ path: "proto" }, { path: "test/resources/support" }] }),
        "--as-file-descriptor-set",
        "-o",
        "-",
      ],
      { maxBuffer: 64 * 1024 * 1024 },
    ),
  ),
);

const scalarNames: Readonly<Record<number, ScalarType>> = {
  1: "double",
  2: "float",
  3: "int64",
  4: "uint64",
  5: "int32",
  6: "fixed64",
  7: "fixed32",
  8: "bool",
  9: "string",
  12: "bytes",
  13: "uint32",
  15: "sfixed32",
  16: "sfixed64",
  17: "sint32",
  18: "sint64",
};

const types = new Map<string, MessageType>();
const enums = new Map<string, EnumType>();

/** The tables of a message, made from its descriptor as the generator makes them. */
export function messageType(typeName: string): MessageType {
  const known = wellKnownType(typeName) ?? types.get(typeName);
  if (known !== undefined) return known;
  const desc = registry.getMessage(typeName);
  if (desc === undefined) throw new Error(`no message ${typeName}`);
  const rules = ruleOf(desc, "epoxy.options.v1.message");
  const fields: Field[] = [];
  const type: MessageType = {
    typeName,
    fields,
    inlineKeys: (rules.inlineKeys as readonly string[] | undefined) ?? [],
    codec: {
      encode: (message) => ({ finish: () => encodeMessage(type, message) }),
      decode: (input) => decodeBinary(type, input),
      fromPartial: (partial) => partial,
    },
  };
  types.set(typeName, type);
  fields.push(...desc.fields.map(fieldOf).sort((a, b) => a.number - b.number));
  return type;
}

// biome-ignore lint: options of any message
function ruleOf(descriptor: DescMessage | DescField, name: string): Record<string, any> {
  const desc = descriptor as never;
  const extension = registry.getExtension(name);
  if (extension === undefined || !hasOption(desc, extension as never)) return {};
  return getOption(desc, extension as never) as Record<string, never>;
}

function fieldOf(desc: DescField): Field {
  const rules = ruleOf(desc, "epoxy.options.v1.field");
  return {
    number: desc.number,
    name: desc.name,
    jsonName: desc.jsonName,
    localName: desc.jsonName,
    oneof: desc.oneof?.name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    cardinality:
      desc.fieldKind === "list"
        ? "repeated"
        : desc.fieldKind === "map"
          ? "map"
          : desc.proto.proto3Optional
            ? "optional"
            : "singular",
    type: valueTypeOf(desc),
    mapKey: desc.fieldKind === "map" ? scalarNames[desc.mapKey] : undefined,
    deprecated: desc.deprecated,
    aliases: rules.aliases ?? [],
    singleAliases: rules.singleAliases ?? [],
    unwrap: rules.unwrap === "" ? undefined : rules.unwrap,
    restrictsAccess: rules.restrictsAccess ?? false,
    sensitive: rules.sensitive ?? false,
  };
}

function valueTypeOf(desc: DescField): FieldValueType {
  if (desc.message !== undefined) return { kind: "message", message: messageType(desc.message.typeName) };
  if (desc.enum !== undefined) return { kind: "enum", enum: enumType(desc.enum) };
  return { kind: "scalar", scalar: scalarNames[desc.scalar ?? 0] ?? "string" };
}

function enumType(desc: DescEnum): EnumType {
  let type = enums.get(desc.typeName);
  if (type === undefined) {
    type = {
      typeName: desc.typeName,
      values: Object.fromEntries(desc.values.map(({ name, number }) => [name, number])),
    };
    enums.set(desc.typeName, type);
  }
  return type;
}

// biome-ignore lint: fields of any sort, which the tests set freely
export type Sample = Resource & Record<string, any>;

export const sampleType = messageType("epoxy.test.v1.Sample") as MessageType<Sample>;

export const sampleKind: Kind<Sample> = {
  group: "test.epoxy.io",
  version: "v1",
  kind: "Sample",
  plural: "samples",
  shortNames: ["sm"],
  scope: "namespaced",
  hasStatus: true,
  columns: [],
  type: sampleType,
};

/** Every kind of this project's protos. */
export const allKinds: readonly AnyKind[] = [...registry].flatMap((desc) => {
  if (desc.kind !== "message") return [];
  const rules = ruleOf(desc, "epoxy.options.v1.resource");
  if (rules.group === undefined || rules.group === "") return [];
  const kind: AnyKind = {
    group: rules.group,
    version: rules.version,
    kind: rules.kind === "" ? desc.name : rules.kind,
    plural: rules.plural,
    shortNames: rules.shortNames,
    scope: rules.scope === 2 ? "cluster" : "namespaced",
    hasStatus: rules.hasStatus,
    columns: [],
    type: messageType(desc.typeName),
  };
  return [kind];
});

export function kindNamed(name: string): AnyKind {
  const kind = allKinds.find((candidate) => candidate.kind === name);
  if (kind === undefined) throw new Error(`no kind ${name}`);
  return kind;
}
