export { decodeBinary, encodeCanonical } from "./binary.ts";
export { compactPlain } from "./compact.ts";
export { editSpec, removeDocument } from "./edit-spec.ts";
export { type EditedText, type EditOptions, editStatus, editStatusIn } from "./edit-status.ts";
export { deepFreeze } from "./freeze.ts";
export { specEquals, specHash } from "./hash.ts";
export { joinedAlike, joinedFrom, joinLists } from "./joined-list.ts";
export type { JsonValue, TypeRegistry } from "./json-context.ts";
export { type FromJsonOptions, fromJson } from "./json-read.ts";
export { fieldToJson, type ToJsonOptions, toJson } from "./json-write.ts";
export type { AnyKind, Column, Kind, Resource } from "./kind.ts";
export { createMessage, getField, setField } from "./message.ts";
export type { EnumType, Field, FieldValueType, MessageType, ScalarType } from "./message-type.ts";
export { checkRef } from "./names.ts";
export { createPathLocator, type PathLocator } from "./locate-path.ts";
export { nearestName } from "./nearest-name.ts";
export {
  type BrokenDocument,
  type ParsedDocument,
  type ParseOptions,
  type ParseResult,
  parseResourceJson,
  parseResources,
} from "./parse.ts";
export type { Ref } from "./ref.ts";
export { parseRefKey, refKey, refOf, refText } from "./ref.ts";
export { apiVersionOf, createRegistry, type Registry } from "./registry.ts";
export { sharedText } from "./shared-text.ts";
export { type RenderOptions, renderResource, renderYaml, resourceToJson } from "./render.ts";
export type { Selector, SelectorExpression } from "./selector.ts";
export { formatSelector, matchesSelector, parseSelector } from "./selector.ts";
export { defaultStatusNamespace, type Shape } from "./shape.ts";
export { statusOf } from "./status.ts";
export type { TextLimits } from "./text-tree.ts";
export { type FieldVisitor, redact, walkSetFields } from "./walk.ts";
export { isWellKnown, wellKnownType } from "./well-known.ts";
export type { ProblemSource, ResourceKey, TranslationProblem } from "./translation-problem.ts";
export { problemPath } from "./translation-problem.ts";
