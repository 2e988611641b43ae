import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { type Collection, type Graph, type Lookup, structuralEquals } from "../collections/index.ts";
import { joinedAlike, parseRefKey, refKey, refOf, refText, type TranslationProblem } from "../resources/index.ts";
import { type Binding, bindVirtualServices } from "./bindings.ts";
import { type Ownership, ownerships } from "./claims.ts";
import type { GatewayInputs, GatewayOutputs, ProxyDecision } from "./gateway-inputs.ts";
import type { Lookups } from "./lookups.ts";
import { fragmentKey, makeFragment } from "./make-fragment.ts";
import { type SelectTables, tableSelection } from "./select-tables.ts";
import { splitProxy } from "./stored-proxy.ts";
import { translateVirtualService, virtualHostName } from "./translate-virtual-service.ts";

interface TranslatedBinding {
  readonly fragment: ProxyFragment | undefined;
  readonly problems: readonly TranslationProblem[];
}

/** Keeps the look-ups of one translation as dependencies of the graph. */
function trackedLookups(inputs: GatewayInputs, selectTables: SelectTables, lookup: Lookup): Lookups {
  return {
    routeTable: (ref) => lookup.get(inputs.routeTables, refKey(ref)),
    selectedTables: (selector) => selectTables(lookup, selector),
    routeOption: (ref) => lookup.get(inputs.routeOptions, refKey(ref)),
    virtualHostOption: (ref) => lookup.get(inputs.virtualHostOptions, refKey(ref)),
    part: (key, values, make) => lookup.part(key, values, make),
  };
}

/** Gateways, virtual services, route tables and stored Proxies as fragments of Proxies, kept up to date. */
export function gatewayCollections(graph: Graph, inputs: GatewayInputs): GatewayOutputs {
  const { slots, slotOwners, bindings, problems: gatewayProblems } = bindVirtualServices(graph, inputs);
  const proxies = decideProxies(graph, inputs, bindings);
  const { translated, domainOwners } = translateBindings(graph, inputs, bindings);

  const split = graph.derive("gateway/stored-proxies", inputs.proxies, (proxy, key, lookup) =>
    lookup.get(proxies, key)?.servedFrom === "stored" ? splitProxy(proxy) : undefined,
  );
  const bindingsOfSlot = graph.groupBy("gateway/bindings-by-slot", bindings, (binding) => [binding.slot]);
  const served = graph.derive("gateway/served-slots", slots, (slot, key, lookup) => {
    const empty = !lookup.has(bindingsOfSlot, key);
    const wanted = !empty || lookup.value(inputs.settings)?.translateEmptyGateways === true;
    const owns = lookup.get(slotOwners, slot.claim)?.owner === slot.claimant;
    const decision = lookup.get(proxies, refKey(slot.proxy));
    const free = decision === undefined || decision.servedFrom === "gateways";
    return wanted && owns && free && slot.listener !== undefined ? slot : undefined;
  });

  // Most edits of a gateway leave it served, and so concern no virtual host.
  const servedKeys = graph.derive("gateway/served-slot-keys", served, () => true);

  const ownListeners = graph.deriveMany("gateway/listeners", served, (slot) => {
    const owner = { kind: "Gateway", ref: refOf(slot.gateway) };
    const { proxy, listenerName, listener } = slot;
    return [[slot.claim, makeFragment({ proxy, owner, listenerName, listener })] as const];
  });
  const idleListeners = graph.deriveMany("gateway/idle-listeners", slots, (slot, key, lookup) => {
    const { proxy, listenerName, listener } = slot;
    if (listener === undefined || lookup.has(servedKeys, key)) return [];
    const owner = { kind: "Gateway", ref: refOf(slot.gateway) };
    return [[key, makeFragment({ proxy, owner, listenerName, listener })] as const];
  });
  const ownHosts = graph.deriveMany(
    "gateway/virtual-hosts",
    translated,
    (value, key, lookup) => {
      const binding = lookup.get(bindings, key);
      if (value.fragment === undefined || binding === undefined || !lookup.has(servedKeys, binding.slot)) return [];
      return [
        [fragmentKey(binding.proxy, binding.listenerName, virtualHostName(binding.virtualService.ref)), value.fragment],
      ];
    },
    // Its ten thousand routes have been compared where it was made.
    { equals: Object.is },
  );
  const keyed = (fragments: readonly ProxyFragment[]) =>
    fragments.map((fragment) => [fragment.metadata?.name ?? "", fragment] as const);
  const storedListeners = graph.deriveMany("gateway/stored-listeners", split, (value) => keyed(value.listeners));
  const storedHosts = graph.deriveMany("gateway/stored-virtual-hosts", split, (value) => keyed(value.virtualHosts));

  return {
    idleListeners,
    listeners: graph.join(
      "gateway/all-listeners",
      { ownListeners, storedListeners },
      (values) => values.ownListeners ?? values.storedListeners,
    ),
    virtualHosts: graph.join(
      "gateway/all-virtual-hosts",
      { ownHosts, storedHosts },
      (values) => values.ownHosts ?? values.storedHosts,
      { equals: Object.is },
    ),
    problems: [
      gatewayProblems,
      graph.derive("gateway/virtual-service-problems", translated, ({ problems }) => nonEmpty(problems)),
      graph.derive("gateway/stored-proxy-problems", split, ({ problems }) => nonEmpty(problems)),
      graph.derive("gateway/proxy-conflicts", slots, (slot, _key, lookup) => {
        const conflict = lookup.get(proxies, refKey(slot.proxy))?.conflict === true;
        return conflict ? [proxyConflict(slot.gateway, slot.proxy)] : undefined;
      }),
    ],
    proxies,
    owners: { domains: domainOwners, addresses: slotOwners },
  };
}

const nonEmpty = <T>(items: readonly T[]): readonly T[] | undefined => (items.length === 0 ? undefined : items);

function proxyConflict(gateway: Parameters<typeof refOf>[0], proxy: Parameters<typeof refText>[0]): TranslationProblem {
  const message =
    `proxy conflict: a Proxy ${refText(proxy)} that no gateway made is stored and stays in force; ` +
    "delete it, or choose another of proxyNames";
  return { severity: "error", message, path: "proxyNames", sources: [{ kind: "Gateway", ref: refOf(gateway) }] };
}

/** A stored Proxy is served until gateways produce its name; then it gives way if gateways made it, else it stays. */
function decideProxies(graph: Graph, inputs: GatewayInputs, bindings: Collection<Binding>): Collection<ProxyDecision> {
  const byProxy = graph.groupBy("gateway/bindings-by-proxy", bindings, (binding) => [refKey(binding.proxy)]);
  const produced = graph.derive("gateway/produced-proxies", byProxy, () => true);
  const made = graph.derive("gateway/proxies-made-by-gateways", inputs.proxies, (proxy) => ({
    byGateways: proxy.metadata?.labels["created_by"] === "gateway",
  }));
  return graph.join(
    "gateway/proxy-decisions",
    { produced, made },
    ({ produced: wanted, made: stored }): ProxyDecision => {
      if (stored === undefined) return { servedFrom: "gateways", conflict: false };
      if (wanted === undefined) return { servedFrom: "stored", conflict: false };
      return stored.byGateways ? { servedFrom: "gateways", conflict: false } : { servedFrom: "stored", conflict: true };
    },
  );
}

interface DomainClaim {
  readonly claimant: string;
  readonly claim: string;
}

const domainKey = (binding: Binding, domain: string): string => `${binding.slot}|${domain}`;

function translateBindings(
  graph: Graph,
  inputs: GatewayInputs,
  bindings: Collection<Binding>,
): { readonly translated: Collection<TranslatedBinding>; readonly domainOwners: Collection<Ownership> } {
  const claims = graph.deriveMany("gateway/domains", bindings, (binding, key) =>
    binding.virtualService.domains.map((domain): readonly [string, DomainClaim] => {
      const claim = domainKey(binding, domain);
      return [`${claim}|${key}`, { claimant: refKey(binding.virtualService.ref), claim }];
    }),
  );
  const owners = ownerships(graph, "gateway/domains", claims, (claim) => claim.claim, inputs.lastOwners?.domains);

  const selectTables = tableSelection(graph, inputs);
  const translated = graph.derive(
    "gateway/translated",
    bindings,
    (binding, _key, lookup): TranslatedBinding | undefined => {
      const ref = binding.virtualService.ref;
      const virtualService = lookup.get(inputs.virtualServices, refKey(ref));
      if (virtualService === undefined) return undefined;
      const conflicts: TranslationProblem[] = [];
      const domains = binding.virtualService.domains.filter((domain) => {
        const ownership = lookup.get(owners, domainKey(binding, domain));
        const others = ownership?.claimants.filter((claimant) => claimant !== refKey(ref)) ?? [];
        if (others.length > 0) conflicts.push(domainConflict(domain, binding, others));
        return ownership?.owner === refKey(ref);
      });
      const target = { gateway: binding.gateway.name, proxy: binding.proxy.name, domains };
      const { virtualHost, problems } = translateVirtualService(
        virtualService,
        target,
        trackedLookups(inputs, selectTables, lookup),
      );
      const { proxy, listenerName } = binding;
      const owner = { kind: "VirtualService", ref };
      const { sslConfig } = virtualService;
      const fragment =
        domains.length === 0 ? undefined : makeFragment({ proxy, owner, listenerName, virtualHost, sslConfig });
      return { fragment, problems: [...conflicts, ...problems] };
    },
    { equals: sameBinding },
  );
  return { translated, domainOwners: owners };
}

/**
 * The pieces that routes are joined from count, too: a resource that is cut into others has another version, which must not depend on what there
 * was before.
 */
const sameBinding = (a: TranslatedBinding, b: TranslatedBinding): boolean =>
  structuralEquals(a, b) && joinedAlike(routesOf(a), routesOf(b));

const routesOf = ({ fragment }: TranslatedBinding): readonly unknown[] => fragment?.virtualHosts[0]?.routes ?? [];

function domainConflict(domain: string, binding: Binding, others: readonly string[]): TranslationProblem {
  const names = others.map((other) => refText(parseRefKey(other))).join(" ");
  return {
    severity: "error",
    message:
      `domain conflict: the [${domain}] domain is present in other virtual services ` +
      `that belong to the same Gateway as this one: [${names}]`,
    path: "virtualHost.domains",
    sources: [
      { kind: "VirtualService", ref: binding.virtualService.ref },
      { kind: "Gateway", ref: binding.gateway },
    ],
  };
}
