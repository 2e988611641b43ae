import type { ConsulClient } from "../../consul/index.ts";
import type { KeyLayout } from "./key-layout.ts";

/**
 * Consul answers a list that the token may not read with an empty one; a single key that it may not read it refuses. So what looks
 * empty is asked for once more by key.
 *
 * @throws `unavailable` if the token may not read it
 */
export async function checkReadable(
  client: ConsulClient,
  layout: KeyLayout,
  namespaces: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<void> {
  const isWhole = namespaces === undefined || layout.isCluster;
  const keys = isWhole ? [layout.prefix] : namespaces.map((namespace) => `${layout.prefix}${namespace}/`);
  await Promise.all(keys.map((key) => client.kvRead(key, { signal })));
}
