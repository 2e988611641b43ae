import { createHash } from "node:crypto";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { UpstreamType } from "../../../generated/sdk/gloo/v1.ts";

/** A service as the catalogs of all datacenters show it. */
export interface ConsulService {
  readonly name: string;
  /** Sorted. */
  readonly tags: readonly string[];
  /** Sorted. */
  readonly datacenters: readonly string[];
}

/** The label that marks what discovery from Consul owns, as in Gloo. */
export const consulOwnerLabels = { discovered_by: "consulplugin" } as const;

/** The services of all datacenters, merged by name. */
export function mergeCatalogs(
  catalogs: ReadonlyMap<string, Readonly<Record<string, readonly string[]>>>,
  allowedTags: readonly string[],
): readonly ConsulService[] {
  const services = new Map<string, { readonly tags: Set<string>; readonly datacenters: Set<string> }>();
  for (const [datacenter, catalog] of catalogs) {
    for (const [name, tags] of Object.entries(catalog)) {
      const service = services.get(name) ?? { tags: new Set(), datacenters: new Set() };
      services.set(name, service);
      for (const tag of tags) service.tags.add(tag);
      service.datacenters.add(datacenter);
    }
  }
  return [...services].flatMap(([name, { tags, datacenters }]) => {
    const isAllowed = allowedTags.length === 0 || allowedTags.some((tag) => tags.has(tag));
    return isAllowed ? { name, tags: [...tags].sort(), datacenters: [...datacenters].sort() } : [];
  });
}

/** The Upstream of a service. It is named like it, as far as resources can be. */
export function discoveredUpstream({ name, tags, datacenters }: ConsulService, namespace: string): Upstream {
  return UpstreamType.codec.fromPartial({
    metadata: { name: resourceName(name), namespace, labels: consulOwnerLabels },
    upstreamType: { $case: "consul", value: { serviceName: name, serviceTags: tags, dataCenters: datacenters } },
  });
}

/** The stored Upstream with what discovery knows better; all else is its owner's. Undefined: it is no Consul service any more. */
export function refreshUpstream(existing: Upstream, desired: Upstream): Upstream | undefined {
  const [from, to] = [desired.upstreamType, existing.upstreamType];
  if (from?.$case !== "consul" || to?.$case !== "consul") return undefined;
  const { serviceName, serviceTags, dataCenters } = from.value;
  return {
    ...existing,
    upstreamType: { $case: "consul", value: { ...to.value, serviceName, serviceTags, dataCenters } },
  };
}

/** Consul's names may have any character; one that is changed gets a hash, so that two never become the same. */
function resourceName(service: string): string {
  const name = service
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 200);
  if (name === service) return name;
  return `${name || "service"}-${createHash("sha256").update(service).digest("hex").slice(0, 8)}`;
}
