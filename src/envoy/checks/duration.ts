import type { Duration } from "../api.ts";

/** Longest duration that is let through: a hundred years. Envoy counts in nanoseconds and refuses what overflows. */
const MAX_SECONDS = 3_153_600_000n;

/** Says what is wrong with a duration, or undefined. */
export function durationFault(duration: Duration, least: "zero allowed" | "above zero"): string | undefined {
  const { seconds, nanos } = duration;
  if (seconds < 0n || nanos < 0) return "a duration can't be negative";
  if (seconds > MAX_SECONDS || nanos > 999_999_999) return "the duration is longer than a hundred years";
  if (least === "above zero" && seconds === 0n && nanos === 0) return "the duration must be greater than zero";
  return undefined;
}

/** Compares two durations like a sort function. */
export function compareDurations(a: Duration, b: Duration): number {
  return a.seconds === b.seconds ? a.nanos - b.nanos : a.seconds < b.seconds ? -1 : 1;
}
