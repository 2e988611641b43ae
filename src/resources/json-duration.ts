/** A span of time in generated code's form. */
export interface DurationValue {
  readonly seconds: bigint;
  /** Of the same sign as the seconds. */
  readonly nanos: number;
}

/** A point in time in generated code's form. */
export interface TimestampValue {
  /** Since 1970-01-01T00:00:00Z. */
  readonly seconds: bigint;
  /** Counted forward, 0 to 999,999,999. */
  readonly nanos: number;
}

const maxSeconds = 315_576_000_000n;

/** Parses `15s`, `1.5s`, `-0.000000001s`; undefined if it is none or beyond ±10,000 years. */
export function parseDuration(text: string): DurationValue | undefined {
  const match = /^(-?)(\d{1,12})(?:\.(\d{0,9}))?s$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "0", fraction = ""] = match;
  const seconds = BigInt(whole);
  const nanos = Number(fraction.padEnd(9, "0"));
  if (seconds > maxSeconds || (seconds === maxSeconds && nanos > 0)) return undefined;
  return sign === "-" ? { seconds: -seconds, nanos: nanos === 0 ? 0 : -nanos } : { seconds, nanos };
}

/** The inverse of {@link parseDuration}, with 0, 3, 6 or 9 digits of fraction. */
export function formatDuration({ seconds, nanos }: DurationValue): string {
  const negative = seconds < 0n || nanos < 0;
  return `${negative ? "-" : ""}${seconds < 0n ? -seconds : seconds}${formatNanos(Math.abs(nanos))}s`;
}

const goUnits: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** What people mean by `500ms`, `1m30s` or `2h`, in the form that is read; undefined if it is none of these. */
export function suggestDuration(text: string): string | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let nanos = 0n;
  for (const [, whole = "0", fraction = "", unit = "s"] of text.matchAll(/(\d+)(?:\.(\d+))?(ns|us|µs|ms|s|m|h)/g)) {
    const factor = goUnits[unit] ?? 0n;
    nanos += BigInt(whole) * factor + (BigInt(fraction.padEnd(9, "0")) * factor) / 1_000_000_000n;
  }
  return formatDuration({ seconds: nanos / 1_000_000_000n, nanos: Number(nanos % 1_000_000_000n) });
}

/** Parses RFC 3339 such as `2019-02-15T13:27:39.5Z` or with an offset; years 1 to 9999. Undefined if it is none. */
export function parseTimestamp(text: string): TimestampValue | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [, date = "", time = "", fraction = "", zone = ""] = match;
  const milliseconds = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  const local = Date.parse(`${date}T${time}Z`);
  // Date.parse takes the 30th of February for the 1st of March.
  if (Number.isNaN(milliseconds) || !new Date(local).toISOString().startsWith(`${date}T${time}`)) return undefined;
  const seconds = milliseconds / 1000;
  if (seconds < -62_135_596_800 || seconds > 253_402_300_799) return undefined;
  return { seconds: BigInt(seconds), nanos: Number(fraction.padEnd(9, "0")) };
}

/** The inverse of {@link parseTimestamp}, in UTC. @throws RangeError outside the years 1 to 9999 */
export function formatTimestamp({ seconds, nanos }: TimestampValue): string {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${formatNanos(nanos)}Z`;
}

function formatNanos(nanos: number): string {
  if (nanos === 0) return "";
  const digits = String(nanos).padStart(9, "0");
  return `.${digits.replace(/(?:000){1,2}$/, "")}`;
}
