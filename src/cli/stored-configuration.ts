import { ProxyFragmentKind, SecretKind, SettingsKind } from "../../generated/sdk/index.ts";
import type { CheckedResource } from "../control-plane/check/index.ts";
import { EpoxyError } from "../errors/index.ts";
import { refKey, refOf, type Resource } from "../resources/index.ts";
import { registry } from "./find-kind.ts";
import type { Stores } from "./stores.ts";

export interface StoredConfiguration {
  readonly resources: readonly CheckedResource[];
  /** What can't be read, each with its place. */
  readonly problems: readonly EpoxyError[];
}

/** All resources of all kinds, but Settings. @param namespaces empty: all */
export async function storedConfiguration(
  stores: Stores,
  knowsSecrets: boolean,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<StoredConfiguration> {
  const skipped = new Set([SettingsKind.kind, ProxyFragmentKind.kind, ...(knowsSecrets ? [] : [SecretKind.kind])]);
  const kinds = registry.all.filter(({ kind }) => !skipped.has(kind));
  const results = await Promise.all(
    kinds.map(async (kind) => {
      const within = namespaces.length === 0 || kind.scope === "cluster" ? {} : { namespaces };
      const clients = await stores.clients<Resource>(kind);
      const lists = await Promise.all(clients.map((client) => client.list({ ...within, signal })));
      // Of secrets, the first source counts that has one.
      const items = new Map(
        lists.toReversed().flatMap((list) => list.items.map((item) => [refKey(refOf(item)), item])),
      );
      return {
        resources: [...items.values()].map((resource) => ({ kind, resource })),
        problems: lists.flatMap(({ problems }) => problems.map(({ error }) => error)),
      };
    }),
  );
  return {
    resources: results.flatMap(({ resources }) => resources),
    problems: results.flatMap(({ problems }) => problems),
  };
}
