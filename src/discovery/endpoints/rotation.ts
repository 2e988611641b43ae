import type { ConsulCheck, HealthEntry } from "../../consul/index.ts";

/** An instance that may be sent requests. */
export interface Instance {
  /** Unique among the instances of all services. */
  readonly id: string;
  /** An IP address or a host name. */
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly datacenter: string;
}

/**
 * The instances that are in rotation: those whose checks all pass.
 *
 * @param before those that were, just before Consul was lost; undefined: it wasn't. An agent that starts again shows each check as
 * critical until it has run once; that is no news of the instance, so one that was in rotation stays.
 */
export function inRotation(
  entries: readonly HealthEntry[],
  datacenter: string,
  before: ReadonlySet<string> | undefined,
): readonly Instance[] {
  return entries.flatMap(({ Node, Service, Checks }) => {
    const id = `${datacenter}/${Node.Node}/${Service.ID}`;
    const wasIn = before?.has(id) === true;
    const isIn = (Checks ?? []).every((check) => check.Status === "passing" || (wasIn && hasNotRun(check)));
    if (!isIn) return [];
    const address = Service.Address || Node.Address;
    return [{ id, address, port: Service.Port, tags: Service.Tags ?? [], datacenter }];
  });
}

/** A TTL check keeps its state over the agent's restart, and may be failed without a word. */
const hasNotRun = ({ Status, Output, Type }: ConsulCheck): boolean =>
  Status === "critical" && Output === "" && Type !== "ttl";

/** Whether some instance is in rotation only since its checks have not run yet. */
export const awaitsChecks = (entries: readonly HealthEntry[]): boolean =>
  entries.some(({ Checks }) => (Checks ?? []).some(hasNotRun));
