import { describe, type JsonContext, report } from "./json-context.ts";
import type { EnumType, ScalarType } from "./message-type.ts";
import { nearestName } from "./nearest-name.ts";

const integerRanges: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/** Reads a scalar; undefined after a problem. Source: https://protobuf.dev/programming-guides/json/ */
export function readScalar(context: JsonContext, scalar: ScalarType, json: unknown, secret: boolean): unknown {
  switch (scalar) {
    case "string":
      return readString(context, json, secret);
    case "bool":
      return readBool(context, json, secret);
    case "bytes":
      return readBytes(context, json, secret);
    case "double":
    case "float":
      return readFloat(context, scalar, json, secret);
    default:
      return readInteger(context, scalar, json, secret);
  }
}

function readString(context: JsonContext, json: unknown, secret: boolean): string | undefined {
  if (typeof json === "string") {
    if (json.isWellFormed()) return json;
    return report(context, "the text holds half of a surrogate pair, which is not valid Unicode");
  }
  if (typeof json === "number" || typeof json === "boolean") {
    return report(context, `expected text, found ${describe(json, secret)}: put it in quotes`);
  }
  return report(context, `expected text, found ${describe(json, secret)}`);
}

function readBool(context: JsonContext, json: unknown, secret: boolean): boolean | undefined {
  if (typeof json === "boolean") return json;
  if (context.yaml && typeof json === "string") {
    if (/^(?:yes|on|y)$/i.test(json)) return true;
    if (/^(?:no|off|n)$/i.test(json)) return false;
  }
  return report(context, `expected true or false, found ${describe(json, secret)}`);
}

function readBytes(context: JsonContext, json: unknown, secret: boolean): Buffer | undefined {
  if (typeof json !== "string") return report(context, `expected base64 text, found ${describe(json, secret)}`);
  const text = json.replace(/[\r\n]/g, "");
  const body = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/_-]*$/.test(body) || body.length % 4 === 1) {
    return report(context, `${describe(json, secret)} is not base64`);
  }
  return Buffer.from(body, "base64");
}

function readFloat(context: JsonContext, scalar: ScalarType, json: unknown, secret: boolean): number | undefined {
  let value: number;
  if (typeof json === "number") {
    value = json;
  } else if (typeof json === "string" && /^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity)$/.test(json)) {
    value = Number(json);
    if (!Number.isFinite(value) && !/[NI]/.test(json)) return report(context, `${json} is too large for a ${scalar}`);
  } else {
    return report(context, `expected a number, found ${describe(json, secret)}`);
  }
  if (scalar === "float" && Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
    return report(context, `${value} is too large for a float`);
  }
  return value;
}

function readInteger(
  context: JsonContext,
  scalar: ScalarType,
  json: unknown,
  secret: boolean,
): bigint | number | undefined {
  let value: bigint;
  if (typeof json === "number") {
    if (!Number.isInteger(json)) return report(context, `expected a whole number, found ${describe(json, secret)}`);
    if (!Number.isSafeInteger(json)) {
      return report(context, `${describe(json, secret)} is too large to be read exactly: put it in quotes`);
    }
    value = BigInt(json);
  } else if (typeof json === "string" && /^-?(?:0|[1-9]\d{0,30})$/.test(json)) {
    value = BigInt(json);
  } else if (
    typeof json === "string" &&
    /^-?\d{1,20}(?:\.\d+)?(?:[eE]\+?\d{1,2})?$/.test(json) &&
    Number.isSafeInteger(Number(json))
  ) {
    value = BigInt(Number(json));
  } else {
    return report(context, `expected a whole number, found ${describe(json, secret)}`);
  }
  const [least, most] = integerRanges[scalar] ?? [value, value];
  if (value < least || value > most) {
    return report(context, `${secret ? "the number" : value} is out of range: ${scalar} goes from ${least} to ${most}`);
  }
  return scalar.endsWith("64") ? value : Number(value);
}

/** Reads an enum's value by name or number; undefined after a problem. */
export function readEnum(context: JsonContext, type: EnumType, json: unknown, secret: boolean): number | undefined {
  if (typeof json === "string") {
    if (Object.hasOwn(type.values, json)) return type.values[json];
  } else if (typeof json === "number") {
    if (Object.values(type.values).includes(json)) return json;
  } else {
    return report(context, `expected one of ${namesOf(type)}, found ${describe(json, secret)}`);
  }
  const near = typeof json === "string" ? nearestName(json, Object.keys(type.values)) : undefined;
  const hint = near === undefined ? `one of ${namesOf(type)}` : `did you mean ${near}? It is one of ${namesOf(type)}`;
  return report(context, `${describe(json, secret)} is not among the values: ${hint}`);
}

function namesOf(type: EnumType): string {
  const names = Object.keys(type.values);
  return names.length > 12 ? `${names.slice(0, 12).join(", ")}, …` : names.join(", ");
}
