/**
 * Reflection over generated messages: what the generator knows of a message, as data. JSON, YAML, hashing, diffing and
 * the search for fields that nothing implements are written against it, once, for all messages.
 */

export type ScalarType =
  | "double"
  | "float"
  | "int32"
  | "int64"
  | "uint32"
  | "uint64"
  | "sint32"
  | "sint64"
  | "fixed32"
  | "fixed64"
  | "sfixed32"
  | "sfixed64"
  | "bool"
  | "string"
  | "bytes";

export interface EnumType {
  /** Full protobuf name. */
  readonly typeName: string;
  /** Numbers by name, in order of declaration. */
  readonly values: Readonly<Record<string, number>>;
}

/** What a field, a list's element or a map's value holds. */
export type FieldValueType =
  | { readonly kind: "scalar"; readonly scalar: ScalarType }
  | { readonly kind: "enum"; readonly enum: EnumType }
  | { readonly kind: "message"; readonly message: MessageType };

export interface Field {
  readonly number: number;
  /** Name in the .proto, such as `bind_address`. */
  readonly name: string;
  /** Canonical JSON name, such as `bindAddress`. */
  readonly jsonName: string;
  /** Property of the TypeScript object. In a oneof: the `$case` of the union. */
  readonly localName: string;
  /** Property that holds the oneof's union `{$case, value}`, if the field is in one. */
  readonly oneof: string | undefined;
  readonly cardinality: "singular" | "optional" | "repeated" | "map";
  /** The value's type; of a map, the type of its values (keys: `mapKey`). */
  readonly type: FieldValueType;
  readonly mapKey: ScalarType | undefined;
  readonly deprecated: boolean;
  /** From the proto option `(epoxy.options.v1.field)`; see there. */
  readonly aliases: readonly string[];
  readonly singleAliases: readonly string[];
  readonly unwrap: string | undefined;
  readonly restrictsAccess: boolean;
  readonly sensitive: boolean;
}

/**
 * A message's reflection and its binary codec. Well-known types (Duration, Timestamp, Struct, Value, ListValue, Any,
 * FieldMask, Empty, wrappers) are message types, too, whose JSON forms the JSON codec knows by `typeName`. Note how
 * ts-proto represents them: wrappers as `T | undefined`, Struct as `{[key]: any}`, Value as `any`, ListValue as `any[]`,
 * Duration and Timestamp as `{seconds: bigint, nanos: number}`, Any as `{typeUrl, value: Uint8Array}`.
 */
export interface MessageType<T = unknown> {
  /** Full protobuf name, such as `epoxy.gateway.v1.Gateway`. */
  readonly typeName: string;
  /** In order of field number. */
  readonly fields: readonly Field[];
  /** Keys of older formats whose object is read as part of this message. */
  readonly inlineKeys: readonly string[];
  /** ts-proto's codec of the message. */
  readonly codec: {
    encode(message: T): { finish(): Uint8Array };
    decode(input: Uint8Array): T;
    // biome-ignore lint: ts-proto's DeepPartial differs per message
    fromPartial(partial: any): T;
  };
}
