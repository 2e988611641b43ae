import { decodeBinary, encodeMessage } from "./binary.ts";
import { fromPartial } from "./from-partial.ts";
import type { EnumType, Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";
import { wellKnownType } from "./well-known.ts";

/** The message types of a generator's run. */
export interface MessageTables {
  /**
   * The type of a full protobuf name, always the same object. Cheap: fields are decoded when they are first asked for.
   * A name that the tables don't have shows then, as an error.
   */
  message<T = unknown>(typeName: string): MessageType<T>;
  /** The type of a full protobuf name, imported and well-known ones included; undefined if there is none. */
  find(typeName: string): MessageType | undefined;
  /** The enum of a full protobuf name, imported ones included; undefined if there is none. */
  findEnum(typeName: string): EnumType | undefined;
}

interface Block {
  readonly kind: "message" | "enum";
  readonly packageName: string;
  /** Words after the type's name. */
  readonly flags: readonly string[];
  /** Lines from `start` to `end` (exclusive) of the text. */
  readonly start: number;
  readonly end: number;
}

const scalars: ReadonlySet<string> = new Set<ScalarType>([
  "double",
  "float",
  "int32",
  "int64",
  "uint32",
  "uint64",
  "sint32",
  "sint64",
  "fixed32",
  "fixed64",
  "sfixed32",
  "sfixed64",
  "bool",
  "string",
  "bytes",
]);

/**
 * Message types from the generator's text. Text, because thousands of objects, or ts-proto's code, would be loaded by
 * every start of a program that looks at three of them. Lines:
 *
 *     package epoxy.core.v1
 *     message Metadata [inline=key,…]
 *     <number> <name> [? or [] or {key type}]<type> [flag…]
 *     enum Status.State
 *     <number> <name>
 *
 * `?` is presence of a scalar, `[]` a list, `{…}` a map. A type is a scalar, a name in the same package, or
 * `.full.Name`. Flags: json= local= oneof= alias= single= unwrap= deprecated restricts sensitive.
 */
export function messageTables(text: string, imports: () => readonly MessageTables[] = () => []): MessageTables {
  let lines: readonly string[] = [];
  let blocks: ReadonlyMap<string, Block> | undefined;
  const messages = new Map<string, MessageType>();
  const enums = new Map<string, EnumType>();

  function blockOf(typeName: string): Block | undefined {
    if (blocks === undefined) {
      lines = text.split("\n");
      blocks = indexBlocks(lines);
    }
    return blocks.get(typeName);
  }

  function message(typeName: string): MessageType {
    let type = messages.get(typeName);
    if (type === undefined) {
      type = lazyType(typeName, () => {
        const block = blockOf(typeName);
        if (block?.kind !== "message")
          throw new Error(`no message ${typeName} in the generated tables: run the generator`);
        return decodeMessage(block);
      });
      messages.set(typeName, type);
    }
    return type;
  }

  function decodeMessage(block: Block): Pick<MessageType, "fields" | "inlineKeys"> {
    const resolve = (name: string): FieldValueType => {
      if (scalars.has(name)) return { kind: "scalar", scalar: name as ScalarType };
      const typeName = name.startsWith(".") ? name.slice(1) : qualified(block.packageName, name);
      const enumType = tables.findEnum(typeName);
      if (enumType !== undefined) return { kind: "enum", enum: enumType };
      const messageType = tables.find(typeName);
      if (messageType === undefined) throw new Error(`no type ${typeName} in the generated tables: run the generator`);
      return { kind: "message", message: messageType };
    };
    return {
      fields: lines.slice(block.start, block.end).map((line) => decodeField(line, resolve)),
      inlineKeys: listFlag(block.flags, "inline"),
    };
  }

  const tables: MessageTables = {
    message: <T>(typeName: string) => message(typeName) as MessageType<T>,
    find(typeName) {
      if (blockOf(typeName)?.kind === "message") return message(typeName);
      for (const imported of imports()) {
        const found = imported.find(typeName);
        if (found !== undefined) return found;
      }
      return wellKnownType(typeName);
    },
    findEnum(typeName) {
      const known = enums.get(typeName);
      if (known !== undefined) return known;
      const block = blockOf(typeName);
      if (block?.kind === "enum") {
        const decoded = decodeEnum(typeName, lines.slice(block.start, block.end));
        enums.set(typeName, decoded);
        return decoded;
      }
      for (const imported of imports()) {
        const found = imported.findEnum(typeName);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
  return tables;
}

function indexBlocks(lines: readonly string[]): ReadonlyMap<string, Block> {
  const blocks = new Map<string, Block>();
  let packageName = "";
  for (let at = 0; at < lines.length; ) {
    const [word = "", name = "", ...flags] = (lines[at] ?? "").split(" ");
    at++;
    if (word === "package") packageName = name;
    if (word !== "message" && word !== "enum") continue;
    const start = at;
    while (/^-?\d/.test(lines[at] ?? "")) at++;
    blocks.set(qualified(packageName, name), { kind: word, packageName, flags, start, end: at });
  }
  return blocks;
}

function decodeField(line: string, resolve: (name: string) => FieldValueType): Field {
  const [number = "", name = "", typeText = "", ...flags] = line.split(" ");
  const [, mark = "", mapKey, typeName = ""] = /^(\?|\[\]|\{(\w+)\})?(.*)$/.exec(typeText) ?? [];
  const jsonName = flag(flags, "json") ?? camelCase(name);
  return {
    number: Number(number),
    name,
    jsonName,
    localName: flag(flags, "local") ?? jsonName,
    oneof: flag(flags, "oneof"),
    cardinality: mark === "?" ? "optional" : mark === "[]" ? "repeated" : mark === "" ? "singular" : "map",
    type: resolve(typeName),
    mapKey: mapKey as ScalarType | undefined,
    deprecated: flags.includes("deprecated"),
    aliases: listFlag(flags, "alias"),
    singleAliases: listFlag(flags, "single"),
    unwrap: flag(flags, "unwrap"),
    restrictsAccess: flags.includes("restricts"),
    sensitive: flags.includes("sensitive"),
  };
}

function decodeEnum(typeName: string, lines: readonly string[]): EnumType {
  const values: Record<string, number> = {};
  for (const line of lines) {
    const space = line.indexOf(" ");
    values[line.slice(space + 1)] = Number(line.slice(0, space));
  }
  return { typeName, values };
}

const qualified = (packageName: string, name: string): string => (packageName === "" ? name : `${packageName}.${name}`);

function flag(flags: readonly string[], name: string): string | undefined {
  const found = flags.find((candidate) => candidate.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

const listFlag = (flags: readonly string[], name: string): readonly string[] => flag(flags, name)?.split(",") ?? [];

/** The JSON name that protobuf gives a field. Source: protobuf's ToJsonName */
const camelCase = (name: string): string => name.replace(/_+([^_]?)/g, (_, next: string) => next.toUpperCase());

function lazyType(typeName: string, decode: () => Pick<MessageType, "fields" | "inlineKeys">): MessageType {
  let decoded: Pick<MessageType, "fields" | "inlineKeys"> | undefined;
  const load = (): Pick<MessageType, "fields" | "inlineKeys"> => {
    decoded ??= decode();
    return decoded;
  };
  const type: MessageType = {
    typeName,
    get fields() {
      return load().fields;
    },
    get inlineKeys() {
      return load().inlineKeys;
    },
    codec: {
      encode: (message) => ({ finish: () => encodeMessage(type, message) }),
      decode: (input) => decodeBinary(type, input),
      fromPartial: (partial: object) => fromPartial(type, partial),
    },
  };
  return type;
}
