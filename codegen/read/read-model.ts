import { isFieldSet } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { defaultJsonName } from "../model/json-name.ts";
import type { EnumModel, FieldModel, FileModel, MessageModel, Model, TypeModel } from "../model/model.ts";
import { tsProtoMessageName, tsProtoName } from "./naming.ts";
import { createOptionReader, type OptionReader, optionNumbers } from "./read-options.ts";
import { readSourceInfo, type SourceInfo } from "./source-info.ts";

/** Field numbers of descriptor.proto, as they appear in source positions. */
const paths = {
  message: 4,
  enum: 5,
  messageField: 2,
  nestedMessage: 3,
  nestedEnum: 4,
  enumValue: 2,
  messageOptions: 7,
  package: 2,
} as const;

interface FileContext {
  readonly file: FileDescriptorProto;
  readonly generate: boolean;
  readonly source: SourceInfo;
  readonly options: OptionReader;
}

/** The compiler's descriptors as plain data. Nothing is judged here. */
export function readModel(request: Pick<CodeGeneratorRequest, "fileToGenerate" | "protoFile">): Model {
  const generated = new Set(request.fileToGenerate);
  const options = createOptionReader(request.protoFile);
  const files = request.protoFile
    .map((file) => readFile({ file, generate: generated.has(file.name), source: readSourceInfo(file), options }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    files,
    messages: new Map(files.flatMap((file) => file.messages.map((message) => [message.typeName, message]))),
    enums: new Map(files.flatMap((file) => file.enums.map((value) => [value.typeName, value]))),
  };
}

function readFile(context: FileContext): FileModel {
  const { file } = context;
  const messages: MessageModel[] = [];
  const enums: EnumModel[] = file.enumType.map((found, index) => readEnum(context, found, [], [paths.enum, index]));
  const visit = (message: DescriptorProto, outer: readonly string[], path: readonly number[]): void => {
    if (message.options?.mapEntry) return;
    const names = [...outer, message.name];
    messages.push(readMessage(context, message, names, path));
    enums.push(
      ...message.enumType.map((found, index) => readEnum(context, found, names, [...path, paths.nestedEnum, index])),
    );
    message.nestedType.forEach((nested, index) => visit(nested, names, [...path, paths.nestedMessage, index]));
  };
  file.messageType.forEach((message, index) => visit(message, [], [paths.message, index]));
  return {
    path: file.name,
    packageName: file.package,
    syntax: file.syntax === "" ? "proto2" : file.syntax,
    generate: context.generate,
    position: context.source.position([paths.package]),
    messages,
    enums,
  };
}

const qualified = (packageName: string, names: readonly string[]): string =>
  [packageName, ...names].filter((part) => part !== "").join(".");

function readMessage(
  { file, generate, source, options }: FileContext,
  message: DescriptorProto,
  names: readonly string[],
  path: readonly number[],
): MessageModel {
  const resource = options.resource(message.options);
  const snapshot = options.snapshot(message.options);
  const optionPosition = (option: keyof typeof optionNumbers) =>
    source.position([...path, paths.messageOptions, optionNumbers[option]]);
  return {
    typeName: qualified(file.package, names),
    packageName: file.package,
    localName: tsProtoMessageName(names),
    file: file.name,
    generate,
    position: source.position(path),
    comment: source.comment(path),
    fields: message.field
      .map((field, index) => readField(message, field, [...path, paths.messageField, index], source, options))
      .sort((a, b) => a.number - b.number),
    inlineKeys: options.messageRules(message.options)?.inlineKeys ?? [],
    resource: resource && {
      position: optionPosition("resource"),
      group: resource.group,
      version: resource.version,
      kind: resource.kind === "" ? message.name : resource.kind,
      plural: resource.plural,
      shortNames: resource.shortNames,
      scope: resource.scope === 2 ? "cluster" : "namespaced",
      hasStatus: resource.hasStatus,
      native: resource.native,
      streamed: resource.streamed,
      columns: resource.columns.map(({ header, path: columnPath, wide }) => ({ header, path: columnPath, wide })),
    },
    snapshot: snapshot && { position: optionPosition("snapshot"), description: snapshot.description },
  };
}

function readField(
  message: DescriptorProto,
  field: FieldDescriptorProto,
  path: readonly number[],
  source: SourceInfo,
  options: OptionReader,
): FieldModel {
  const rules = options.fieldRules(field.options);
  const entry = mapEntry(message, field);
  const oneof = isInOneof(field) ? message.oneofDecl[field.oneofIndex] : undefined;
  return {
    position: source.position(path),
    comment: source.comment(path),
    number: field.number,
    name: field.name,
    // Compilers fill it in; sets of descriptors made by other tools may lack it.
    jsonName: field.jsonName === "" ? defaultJsonName(field.name) : field.jsonName,
    localName: tsProtoName(field.name),
    oneof: oneof && { name: oneof.name, localName: tsProtoName(oneof.name) },
    cardinality: cardinality(field, entry !== undefined),
    type: readType(entry?.field[1] ?? field),
    mapKey: entry?.field[0] && scalarName(entry.field[0]),
    deprecated: field.options?.deprecated ?? false,
    aliases: rules?.aliases ?? [],
    singleAliases: rules?.singleAliases ?? [],
    unwrap: rules === undefined || rules.unwrap === "" ? undefined : rules.unwrap,
    restrictsAccess: rules?.restrictsAccess ?? false,
    sensitive: rules?.sensitive ?? false,
  };
}

/** Presence of a proto3 scalar is declared as a oneof of its own, which nobody sees. */
const isInOneof = (field: FieldDescriptorProto): boolean =>
  isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional;

function cardinality(field: FieldDescriptorProto, isMap: boolean): FieldModel["cardinality"] {
  if (isMap) return "map";
  if (field.label === FieldDescriptorProto_Label.REPEATED) return "repeated";
  return field.proto3Optional ? "optional" : "singular";
}

function mapEntry(message: DescriptorProto, field: FieldDescriptorProto): DescriptorProto | undefined {
  if (field.type !== FieldDescriptorProto_Type.MESSAGE) return undefined;
  const name = field.typeName.slice(field.typeName.lastIndexOf(".") + 1);
  return message.nestedType.find((nested) => nested.name === name && nested.options?.mapEntry);
}

function readType(field: FieldDescriptorProto): TypeModel {
  const name = field.typeName.slice(1);
  if (field.type === FieldDescriptorProto_Type.ENUM) return { kind: "enum", name };
  if (field.type === FieldDescriptorProto_Type.MESSAGE || field.type === FieldDescriptorProto_Type.GROUP) {
    return { kind: "message", name };
  }
  return { kind: "scalar", name: scalarName(field) };
}

const scalarName = (field: FieldDescriptorProto): string => FieldDescriptorProto_Type[field.type].toLowerCase();

function readEnum(
  { file, generate, source }: FileContext,
  { name, value }: EnumDescriptorProto,
  outer: readonly string[],
  path: readonly number[],
): EnumModel {
  return {
    typeName: qualified(file.package, [...outer, name]),
    packageName: file.package,
    generate,
    comment: source.comment(path),
    values: value.map((found, index) => ({
      name: found.name,
      number: found.number,
      comment: source.comment([...path, paths.enumValue, index]),
    })),
  };
}
