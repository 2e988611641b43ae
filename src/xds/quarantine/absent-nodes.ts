/** Which nodes are remembered though they aren't connected: clients may make up as many as they like, one after another. */
export interface AbsentNodes {
  /** It isn't connected, and something is known of it. */
  note(role: string, node: string): void;
  /** It is connected. */
  came(role: string, node: string): void;
}

/** So many are remembered, the last ones: a fleet of them may reconnect. */
const MAX_ABSENT = 4_000;
/** To forget takes a look at all that is known, so it is done for so many at a time. */
const FORGOTTEN_AT_ONCE = 500;

/** @param forget is told of nodes of which nothing is to be known any more */
export function rememberAbsentNodes(forget: (role: string, nodes: ReadonlySet<string>) => void): AbsentNodes {
  const absent = new Map<string, { readonly role: string; readonly node: string }>();
  const idOf = (role: string, node: string): string => JSON.stringify([role, node]);
  return {
    note(role, node) {
      const id = idOf(role, node);
      absent.delete(id);
      absent.set(id, { role, node });
      if (absent.size < MAX_ABSENT + FORGOTTEN_AT_ONCE) return;
      const oldest = [...absent].slice(0, FORGOTTEN_AT_ONCE);
      for (const [it] of oldest) absent.delete(it);
      const byRole = Map.groupBy(oldest, ([, it]) => it.role);
      for (const [role, nodes] of byRole) forget(role, new Set(nodes.map(([, it]) => it.node)));
    },
    came: (role, node) => void absent.delete(idOf(role, node)),
  };
}
