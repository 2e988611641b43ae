import type { Refusal } from "./refusal.ts";

/** What is known of one piece of content. */
export interface Verdict {
  /** By node, the latest last. */
  readonly refusals: Map<string, Refusal>;
  /** Nodes. */
  readonly acceptedBy: Set<string>;
}

/** One proxy may be old, broken or hostile; what a second one refuses, too, is kept from the rest. */
const SPREADS_FROM = 2;

/**
 * A port in use is the matter of the machine that the proxy is on. A text is believed here only to keep a refusal from having
 * effect on others, never to give it any.
 */
const LOCAL_MATTER = /address (already )?in use|cannot bind|failed to bind/i;

/** Whether it is kept from proxies that say nothing against it, too. */
export function spreads({ refusals }: Verdict): boolean {
  let count = 0;
  for (const refusal of refusals.values()) {
    if (isLocal(refusal)) continue;
    if (refusal.canary === true) return true;
    count++;
  }
  return count >= SPREADS_FROM;
}

/** Whether the refusal is about the proxy's machine. */
export const isLocal = ({ message }: Refusal): boolean => LOCAL_MATTER.test(message);
