import type { Chain } from "./chain.ts";

/** All that comes out of a chain, as plain data. */
export function outcome(chain: Chain): Readonly<Record<string, unknown>> {
  const served = chain.envoy.served;
  return {
    failures: chain.failures.map(({ message }) => message),
    errors: chain.graph.errors().map(({ collection, key, error }) => `${collection} ${key}: ${error.message}`),
    served: Object.fromEntries(
      served.keys().map((key) => {
        const { snapshotKey, resource } = served.get(key) ?? {};
        const bytes = Buffer.concat(resource?.parts.map((part) => part.bytes) ?? []).toString("base64");
        const origins = resource?.parts.map(({ origin }) => origin);
        return [key, { snapshotKey, version: resource?.version, bytes, origins, resendWith: resource?.resendWith }];
      }),
    ),
    // A proxy that is emptied stays known.
    cached: chain.cache
      .keys()
      .flatMap((key) =>
        chain.cache
          .dump(key)
          .flatMap(({ typeUrl, resources }) =>
            Object.entries(resources).map(([name, version]) => {
              const parts = chain.cache.get(key, typeUrl, name)?.parts ?? [];
              return [key, typeUrl, name, version, ...parts.map(({ origin }) => origin)].join(" ");
            }),
          )
          .toSorted(),
      )
      .toSorted(),
    proxies: chain.proxies?.list(),
    problems: [
      ...chain.gateway.problems,
      ...chain.shortCircuits,
      ...chain.envoy.upstreamProblems,
      ...chain.envoy.proxyProblems,
    ].map((collection) => collection.keys().map((key) => [key, collection.get(key)])),
    statuses: [...chain.statuses].map(([kind, collection]) => [
      kind,
      collection.keys().map((key) => [key, collection.get(key)?.status]),
    ]),
  };
}
