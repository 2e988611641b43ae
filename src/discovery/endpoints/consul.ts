import { isIP } from "node:net";
import type { UpstreamSpec } from "../../../generated/proto/epoxy/gloo/options/consul/v1/consul.ts";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection, Source } from "../../collections/index.ts";
import {
  type ConsulClient,
  type ConsulConsistency,
  createResetGuard,
  createStoreIdentity,
} from "../../consul/index.ts";
import { followDatacenters } from "../consul-datacenters.ts";
import type { Discovery } from "../discovery.ts";
import { createNameResolver } from "./name-resolver.ts";
import type { Instance } from "./rotation.ts";
import { createServiceInstances, type ServiceInstances } from "./service-instances.ts";
import { createServiceTracker, type ServiceQuery } from "./service-tracker.ts";

/** An instance of an Upstream that is healthy. */
export interface ConsulEndpoint {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** The name that the address was found by. */
  readonly hostname?: string | undefined;
  /** `tag_<tag>` and `dc_<datacenter>` of those that routes may choose by: "1" or "0". */
  readonly labels: Readonly<Record<string, string>>;
}

export interface ConsulEndpointDiscoveryOptions {
  readonly client: ConsulClient;
  /** By refKey. Those of other types are left alone. */
  readonly upstreams: Collection<Upstream>;
  /** Gets the endpoints of each Upstream of type `consul`, by refKey. It is marked as synced once they are known. */
  readonly endpoints: Pick<Source<readonly ConsulEndpoint[]>, "set" | "delete" | "apply" | "markSynced">;
  /** Gets why Consul hasn't told the endpoints of an Upstream yet, by refKey, as long as it hasn't. */
  readonly failures?: Pick<Source<string>, "set" | "delete"> | undefined;
  /** Datacenters that may be asked. Empty: all. */
  readonly dataCenters?: readonly string[] | undefined;
  /** DNS server for instances whose address is a name, such as `127.0.0.1:8600`. The machine's resolver is asked, too. */
  readonly dnsAddress?: string | undefined;
  /** Milliseconds between look-ups of such names. Default 5,000. */
  readonly dnsPollingMs?: number | undefined;
  /** For Upstreams that don't say. Default `default`. */
  readonly consistency?: ConsulConsistency | undefined;
  /** For Upstreams that don't say: let Consul's agent answer from its cache. Default false. */
  readonly useCache?: boolean | undefined;
  /** First part of the keys in Consul; default `gloo`. */
  readonly rootKey?: string | undefined;
  /** See `ServiceTrackerOptions`. */
  readonly maxQueries?: number | undefined;
  /** Milliseconds after which `endpoints` is marked as synced although Consul doesn't answer. Default 15,000. */
  readonly syncTimeout?: number | undefined;
}

const consistencies: readonly (ConsulConsistency | undefined)[] = [undefined, "stale", "consistent"];

/**
 * Keeps the endpoints of Upstreams that are Consul services, from Consul's health API: instances whose checks all pass. A change of an
 * Upstream disturbs no other, nor its own service's query. While Consul fails, or has lost its data, the last endpoints stay.
 */
export function createConsulEndpointDiscovery(options: ConsulEndpointDiscoveryOptions): Discovery {
  const { client, upstreams, endpoints, failures, syncTimeout = 15_000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const services = new Map<string, ServiceInstances>();
  const specs = new Map<string, UpstreamSpec>();
  const queries = new Map<string, ServiceQuery>();
  /** Ids of queries by Upstream, and the reverse. */
  const needs = new Map<string, readonly string[]>();
  const users = new Map<string, Set<string>>();
  let datacenters: readonly string[] | undefined;
  let datacenterError: string | undefined;
  let isSynced = false;
  /** Upstreams that wait for a name's address. */
  const unpublished = new Set<string>();
  /** One that is not known yet, so that not all have to be looked at each time. */
  let awaited: ServiceInstances | undefined;

  const identity = createStoreIdentity(client, options.rootKey || "gloo");
  const guard = createResetGuard(identity, signal, () => {
    for (const service of services.values()) service.release();
  });
  const tracker = createServiceTracker({
    client,
    maxQueries: options.maxQueries,
    onAnswer: (id, answer) => services.get(id)?.answer(answer),
    onFailure(id, error) {
      services.get(id)?.fail(error);
      for (const key of users.get(id) ?? []) tellFailure(key);
    },
  });
  const names = createNameResolver({
    dnsAddress: options.dnsAddress,
    interval: options.dnsPollingMs,
    namesInUse: () => [...services.values()].flatMap(({ instances }) => instances.map(({ address }) => address)),
    onChange: () => {
      for (const key of specs.keys()) publish(key);
    },
  });

  function queriesOf(spec: UpstreamSpec): readonly (readonly [string, ServiceQuery])[] {
    const wanted = (datacenters ?? []).filter((dc) => spec.dataCenters.length === 0 || spec.dataCenters.includes(dc));
    const consistency = consistencies[spec.consistencyMode] ?? options.consistency;
    const useCache = spec.queryOptions?.useCache ?? options.useCache;
    return wanted.map((datacenter) => {
      const query = { service: spec.serviceName, datacenter, consistency, useCache };
      return [JSON.stringify(query), query] as const;
    });
  }

  /** Takes over an Upstream's specification, or that it is gone. Returns whether other queries are needed than before. */
  function take(key: string, spec: UpstreamSpec | undefined): boolean {
    const wanted = new Map(spec === undefined ? [] : queriesOf(spec));
    let isChanged = false;
    for (const id of needs.get(key) ?? []) {
      if (wanted.has(id)) continue;
      const using = users.get(id);
      using?.delete(key);
      if (using === undefined || using.size > 0) continue;
      isChanged = true;
      users.delete(id);
      queries.delete(id);
      const service = services.get(id);
      service?.close();
      services.delete(id);
      if (service === awaited) awaited = undefined;
    }
    for (const [id, query] of wanted) {
      const using = users.get(id);
      if (using !== undefined) {
        using.add(key);
        continue;
      }
      isChanged = true;
      const own = new Set([key]);
      users.set(id, own);
      queries.set(id, query);
      const onChange = (): void => own.forEach(publish);
      services.set(id, createServiceInstances({ datacenter: query.datacenter, guard, signal, onChange }));
    }
    if (spec === undefined) {
      specs.delete(key);
      unpublished.delete(key);
      needs.delete(key);
      failures?.delete(key);
    } else {
      specs.set(key, spec);
      needs.set(key, [...wanted.keys()]);
    }
    return isChanged;
  }

  const partsOf = (key: string): readonly ServiceInstances[] =>
    (needs.get(key) ?? []).map((id) => services.get(id)).filter((part) => part !== undefined);
  const isAnyKnown = (parts: readonly ServiceInstances[]): boolean =>
    parts.length === 0 ? datacenters !== undefined : parts.some(({ isKnown }) => isKnown);

  function tellFailure(key: string): void {
    const parts = partsOf(key);
    const failure = datacenters === undefined ? datacenterError : parts.find(({ error }) => error)?.error?.message;
    if (failure === undefined || isAnyKnown(parts)) failures?.delete(key);
    else failures?.set(key, failure);
  }

  function publish(key: string): void {
    const spec = specs.get(key);
    if (spec === undefined || signal.aborted) return;
    tellFailure(key);
    const parts = partsOf(key);
    // After an edit the former endpoints stay until all of the new ones are known.
    if (isAnyKnown(parts) && parts.every(({ isSettled }) => isSettled)) {
      const instances = parts.flatMap(({ instances: some }) => some).filter((instance) => isChosen(instance, spec));
      const found = instances.map((instance) => endpointsOf(instance, spec));
      // A name that is being looked up for the first time: soon.
      if (found.every((some) => some !== undefined)) {
        unpublished.delete(key);
        endpoints.set(key, found.flat());
      } else if (!isSynced) unpublished.add(key);
    }
    checkSynced();
  }

  function endpointsOf(instance: Instance, spec: UpstreamSpec): readonly ConsulEndpoint[] | undefined {
    const tags = spec.subsetTags.length > 0 ? spec.subsetTags : spec.serviceTags;
    const labels = Object.fromEntries([
      ...tags.map((tag) => [`tag_${tag}`, instance.tags.includes(tag) ? "1" : "0"]),
      ...spec.dataCenters.map((dc) => [`dc_${dc}`, dc === instance.datacenter ? "1" : "0"]),
    ]);
    const { address: name, port } = instance;
    return names.addressesOf(name)?.map((address) => {
      const hostname = isIP(name) === 0 ? { hostname: name } : {};
      return { address, port, ...hostname, labels };
    });
  }

  function waitingFor(): readonly string[] {
    if (specs.size > 0 && datacenters === undefined)
      return [datacenterError ?? "Consul's datacenters are not known yet"];
    const lines = [...services].flatMap(([id, { isKnown, error }]) => {
      if (error !== undefined) return error.message;
      const { service, datacenter } = JSON.parse(id) as ServiceQuery;
      return isKnown ? [] : `the instances of ${service} in ${datacenter} are not known yet`;
    });
    return guard.problem === undefined ? lines : [guard.problem.message, ...lines];
  }

  function checkSynced(force = false): void {
    if (isSynced || !upstreams.synced) return;
    if (!force && specs.size > 0) {
      if (datacenters === undefined || awaited?.isSettled === false) return;
      const all = [...services.values()];
      // Where Consul answers for some datacenter, one that it can't reach is not waited for.
      const answering = new Set(all.filter(({ isKnown }) => isKnown).map(({ datacenter }) => datacenter));
      const isAwaited = ({ isKnown, isSettled, datacenter }: ServiceInstances): boolean =>
        !isKnown && (!isSettled || answering.size === 0 || answering.has(datacenter));
      awaited = all.find(isAwaited);
      if (awaited !== undefined || unpublished.size > 0) return;
    }
    isSynced = true;
    endpoints.markSynced();
  }

  const unsubscribe = upstreams.subscribe(
    (changes) => {
      let isChanged = false;
      for (const { key, before, after } of changes) {
        const type = after?.upstreamType;
        if (type?.$case === "consul") isChanged = take(key, type.value) || isChanged;
        else if (before?.upstreamType?.$case === "consul") {
          isChanged = take(key, undefined) || isChanged;
          endpoints.delete(key);
        }
      }
      if (isChanged) tracker.track(queries);
      for (const { key } of changes) publish(key);
      checkSynced();
    },
    { initial: true },
  );
  checkSynced();
  void followDatacenters(
    client,
    options.dataCenters ?? [],
    signal,
    (found) => {
      datacenters = found;
      for (const [key, spec] of specs) take(key, spec);
      tracker.track(queries);
      for (const key of specs.keys()) publish(key);
      checkSynced();
    },
    (error) => {
      datacenterError = error.message;
      for (const key of specs.keys()) tellFailure(key);
    },
  );
  const deadline = setTimeout(() => checkSynced(true), syncTimeout);

  const close = async (): Promise<void> => {
    closing.abort();
    clearTimeout(deadline);
    unsubscribe();
    tracker.close();
    names.close();
    for (const service of services.values()) service.close();
  };
  return { waitingFor, close, [Symbol.asyncDispose]: close };
}

/** The Upstream's choice of instances by tag. Its `serviceTags` are not one: discovery lists there what tags the service has. */
function isChosen({ tags }: Instance, { instanceTags, instanceBlacklistTags }: UpstreamSpec): boolean {
  return instanceTags.every((tag) => tags.includes(tag)) && !instanceBlacklistTags.some((tag) => tags.includes(tag));
}
