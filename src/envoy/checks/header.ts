// A field name of RFC 9110 section 5.1; for matchers, a pseudo-header such as `:method` too.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// What Envoy refuses in any header value that it is configured with.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters in question
const ILLEGAL_VALUE = /[\u0000\n\r]/;
/** Envoy's limit for names and values in its configuration (`max_bytes` of HeaderValue). */
const MAX_BYTES = 16_384;

/** Says what is wrong with a header's name, or undefined. */
export function headerNameFault(
  name: string,
  pseudo: "pseudo-headers allowed" | "no pseudo-headers",
): string | undefined {
  if (name === "") return "the header's name is empty";
  const rest = pseudo === "pseudo-headers allowed" && name.startsWith(":") ? name.slice(1) : name;
  if (!TOKEN.test(rest)) return `"${printable(name)}" is no header name`;
  return name.length > MAX_BYTES ? `the header's name is longer than ${MAX_BYTES} bytes` : undefined;
}

/** Says what is wrong with a header's value, or with any other text that travels as one (hosts, paths), or undefined. */
export function headerValueFault(value: string): string | undefined {
  if (ILLEGAL_VALUE.test(value)) return `"${printable(value)}" holds a line break or a zero byte`;
  if (value.length > MAX_BYTES || Buffer.byteLength(value) > MAX_BYTES)
    return `the value is longer than ${MAX_BYTES} bytes`;
  return undefined;
}

/** Whether the text is a method of RFC 9110 section 9.1. */
export const isMethod = (text: string): boolean => TOKEN.test(text);

/** The text for messages: control characters escaped, long ones cut. */
export function printable(text: string): string {
  const cut = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return cut.replace(/[\u0000-\u001f\u007f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
