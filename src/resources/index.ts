export type { AnyKind, Column, Kind, Resource } from "./kind.ts";
export type { EnumType, Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";
export type { Ref } from "./ref.ts";
export { parseRefKey, refKey, refOf, refText } from "./ref.ts";
export type { Selector, SelectorExpression } from "./selector.ts";
