import { setTimeout as sleep } from "node:timers/promises";
import type { ConsulClient } from "../consul/index.ts";
import type { EpoxyError } from "../errors/index.ts";

/** Consul has no blocking query for its datacenters. */
const pollInterval = 60_000;

/**
 * Tells the datacenters, at once and whenever they change, until the signal aborts: those that are allowed, or all that Consul
 * knows. Never throws.
 */
export async function followDatacenters(
  client: ConsulClient,
  allowed: readonly string[],
  signal: AbortSignal,
  onChange: (datacenters: readonly string[]) => void,
  onFailure: (error: EpoxyError) => void,
): Promise<void> {
  if (allowed.length > 0) {
    onChange([...allowed].sort());
    return;
  }
  let known: string | undefined;
  let pause = 100;
  while (!signal.aborted) {
    try {
      const datacenters = [...(await client.datacenters({ signal }))].sort();
      if (known !== datacenters.join()) onChange(datacenters);
      known = datacenters.join();
      pause = pollInterval;
    } catch (error) {
      if (signal.aborted) return;
      onFailure(error as EpoxyError);
      pause = known === undefined ? Math.min(pause * 2, 5_000) : pollInterval;
    }
    await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
}
