import type { ScalarType } from "./message-type.ts";

/** The scalar that each wrapper message holds. A wrapper is represented by the bare scalar, or undefined. */
export const wrapperScalars: Readonly<Record<string, ScalarType>> = {
  "google.protobuf.DoubleValue": "double",
  "google.protobuf.FloatValue": "float",
  "google.protobuf.Int64Value": "int64",
  "google.protobuf.UInt64Value": "uint64",
  "google.protobuf.Int32Value": "int32",
  "google.protobuf.UInt32Value": "uint32",
  "google.protobuf.BoolValue": "bool",
  "google.protobuf.StringValue": "string",
  "google.protobuf.BytesValue": "bytes",
};

/** The scalar that a wrapper message such as `google.protobuf.BoolValue` holds; undefined for other messages. */
export function wrapperScalar(typeName: string): ScalarType | undefined {
  return Object.hasOwn(wrapperScalars, typeName) ? wrapperScalars[typeName] : undefined;
}
