import { type KubernetesClient, type KubeScope, trackObjects } from "../../kubernetes/index.ts";

/** Namespaces that are found by their labels, and some that are looked in whatever theirs are. */
export interface NamespaceChoice {
  /** As the API takes it: `team in (shop,web)`; several are alternatives. */
  readonly selectors: readonly string[];
  readonly also: readonly string[];
}

const resource = { group: "", version: "v1", plural: "namespaces", namespaced: false };

/** What is looked at now. The scope without a namespace stands for all. */
export async function scopesNow(
  client: KubernetesClient,
  namespaces: readonly string[] | NamespaceChoice | undefined,
  signal: AbortSignal,
): Promise<readonly KubeScope[]> {
  if (namespaces === undefined) return [{}];
  if (!("selectors" in namespaces)) return namespaces.map((namespace) => ({ namespace }));
  const lists = await Promise.all(
    namespaces.selectors.map((labelSelector) => client.list(resource, { labelSelector }, { signal })),
  );
  const found = lists.flatMap(({ items }) => items.flatMap(({ metadata }) => metadata?.name ?? []));
  return [...new Set([...namespaces.also, ...found])].map((namespace) => ({ namespace }));
}

/** The scopes as they are, and each time they change. Ends when the signal aborts. @throws `unavailable` */
export async function* followScopes(
  client: KubernetesClient,
  namespaces: readonly string[] | NamespaceChoice | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly KubeScope[], void, undefined> {
  if (namespaces === undefined || !("selectors" in namespaces)) {
    yield await scopesNow(client, namespaces, signal);
    return;
  }
  const { selectors, also } = namespaces;
  const found = selectors.map(() => new Set<string>());
  const known = new Set<number>();
  const merged = mergeAll(selectors.map((labelSelector) => trackObjects(client, resource, { labelSelector }, signal)));
  for await (const [index, event] of merged) {
    const names = found[index] ?? new Set<string>();
    if (event.type === "state") {
      known.add(index);
      names.clear();
      for (const { metadata } of event.objects) names.add(metadata?.name ?? "");
    } else {
      for (const { metadata } of event.changed) names.add(metadata?.name ?? "");
      for (const { metadata } of event.deleted) names.delete(metadata?.name ?? "");
    }
    if (known.size < selectors.length) continue;
    yield [...new Set([...also, ...found.flatMap((set) => [...set])])].map((namespace) => ({ namespace }));
  }
}

/** What comes of any, with its number. The first to fail fails it all. */
async function* mergeAll<T>(
  sources: readonly AsyncGenerator<T>[],
): AsyncGenerator<readonly [number, T], void, undefined> {
  const next = (source: AsyncGenerator<T>, index: number) => source.next().then((result) => ({ result, index }));
  const pending = new Map(sources.map((source, index) => [index, next(source, index)]));
  try {
    while (pending.size > 0) {
      const { result, index } = await Promise.race(pending.values());
      const source = sources[index];
      if (result.done === true || source === undefined) {
        pending.delete(index);
        continue;
      }
      pending.set(index, next(source, index));
      yield [index, result.value];
    }
  } finally {
    for (const promise of pending.values()) promise.catch(() => {});
  }
}
