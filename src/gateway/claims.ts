import type { Collection, Graph } from "../collections/index.ts";

/** Somebody's wish to have something that only one can have: a domain of a listener, an address of a Proxy. */
export interface Claim {
  readonly claimant: string;
}

/** Who has what is claimed, and who else wants it. */
export interface Ownership {
  readonly owner: string;
  /** All claimants, the owner too, sorted. */
  readonly claimants: readonly string[];
}

/** The owner of a claim before this process, by claim key. */
export type LastOwner = (claimKey: string) => string | undefined;

/**
 * Decides who has what, by claim key. Whoever has something keeps it as long as it claims it: a newcomer that claims the same,
 * by mistake or not, takes nothing from the one that is served, also if it came while nobody looked (`lastOwner`). Without such
 * history, the first by name has it.
 */
export function ownerships<C extends Claim>(
  graph: Graph,
  name: string,
  claims: Collection<C>,
  claimKey: (claim: C) => string,
  lastOwner: LastOwner = () => undefined,
): Collection<Ownership> {
  const groups = graph.groupBy(`${name}-claims`, claims, (claim) => [claimKey(claim)]);
  return graph.derive(`${name}-owners`, groups, (group, key, _lookup, previous: Ownership | undefined) => {
    const claimants = group.values.map((claim) => claim.claimant).toSorted();
    const wants = (candidate: string | undefined): boolean => candidate !== undefined && claimants.includes(candidate);
    const owner = [previous?.owner, lastOwner(key)].find(wants) ?? claimants[0];
    return owner === undefined ? undefined : { owner, claimants };
  });
}
