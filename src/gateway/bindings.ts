import type { Gateway, HttpGateway } from "../../generated/proto/epoxy/gateway/v1/gateway.ts";
import type { Collection, Graph } from "../collections/index.ts";
import { type Ref, refKey, refOf, refText, type TranslationProblem } from "../resources/index.ts";
import { type Ownership, ownerships } from "./claims.ts";
import type { GatewayInputs } from "./gateway-inputs.ts";
import { fragmentKey } from "./make-fragment.ts";
import { selects, summarize, type VirtualServiceSummary } from "./select.ts";
import {
  defaultGateway,
  listenerName,
  proxyNamesOf,
  type TranslatedGateway,
  translateGateway,
} from "./translate-gateway.ts";

/** A gateway in one Proxy: a place for a listener. */
export interface Slot extends TranslatedGateway {
  readonly key: string;
  readonly proxy: Ref;
  readonly gateway: Gateway;
  readonly http: HttpGateway | undefined;
  readonly listenerName: string;
  /** fragmentKey of the listener: what the gateways of a Proxy with one address contend for. */
  readonly claim: string;
  readonly claimant: string;
}

/** A virtual service in a slot. */
export interface Binding {
  readonly slot: string;
  readonly listenerName: string;
  readonly listenerKey: string;
  readonly proxy: Ref;
  readonly gateway: Ref;
  readonly virtualService: VirtualServiceSummary;
}

export interface Bindings {
  readonly slots: Collection<Slot>;
  readonly slotOwners: Collection<Ownership>;
  readonly bindings: Collection<Binding>;
  readonly problems: Collection<readonly TranslationProblem[]>;
}

/** All that decides what a slot serves, and where; unchanged by edits of other things that a gateway says. */
interface Place extends Omit<Binding, "virtualService"> {
  readonly ssl: boolean;
  readonly http: HttpGateway;
}

function placeOf({ key, listenerName: name, claim, proxy, gateway, http, listener }: Slot): Place | undefined {
  if (listener === undefined || http === undefined) return undefined;
  const { ssl } = gateway;
  const where = { slot: key, listenerName: name, listenerKey: claim, proxy, gateway: refOf(gateway) };
  return { ...where, ssl, http: { ...http, options: undefined } };
}

/** The gateways that count: the stored ones, or the default one if there is none and somebody has a virtual service. */
function effectiveGateways(graph: Graph, inputs: GatewayInputs): Collection<Gateway> {
  const stored = graph.derive("gateway/stored", inputs.gateways, (gateway, _key, lookup) => {
    const settings = lookup.value(inputs.settings);
    if (settings === undefined) return undefined;
    return settings.readGatewaysFromAllNamespaces || refOf(gateway).namespace === settings.writeNamespace
      ? gateway
      : undefined;
  });
  const fallback = graph.computeValue("gateway/default", (lookup) => {
    const settings = lookup.value(inputs.settings);
    const wanted = settings !== undefined && lookup.size(stored) === 0 && lookup.size(inputs.virtualServices) > 0;
    return wanted ? defaultGateway(settings.writeNamespace) : undefined;
  });
  const byKey = graph.deriveMany("gateway/default-by-key", fallback.collection, (gateway) => [
    [refKey(refOf(gateway)), gateway] as const,
  ]);
  return graph.join("gateway/effective", { stored, byKey }, (values) => values.stored ?? values.byKey);
}

/** Which virtual services each gateway serves, in which Proxies. */
export function bindVirtualServices(graph: Graph, inputs: GatewayInputs): Bindings {
  const gateways = effectiveGateways(graph, inputs);
  const summaries = graph.derive("gateway/virtual-service-summaries", inputs.virtualServices, (value) =>
    summarize(value),
  );

  const slots = graph.deriveMany("gateway/slots", gateways, (gateway, gatewayKey, lookup) => {
    const namespace = lookup.value(inputs.settings)?.writeNamespace ?? refOf(gateway).namespace;
    const name = listenerName(gateway);
    const translated = translateGateway(gateway);
    const http = gateway.gatewayType?.$case === "httpGateway" ? gateway.gatewayType.value : undefined;
    return proxyNamesOf(gateway).map((proxyName) => {
      const proxy = { namespace, name: proxyName };
      const claim = fragmentKey(proxy, name);
      const key = `${claim}${gatewayKey}`;
      const slot: Slot = { ...translated, key, proxy, gateway, http, listenerName: name, claim, claimant: gatewayKey };
      return [key, slot] as const;
    });
  });
  const slotOwners = ownerships(graph, "gateway/addresses", slots, (slot) => slot.claim, inputs.lastOwners?.addresses);

  const places = graph.derive("gateway/places", slots, placeOf);
  const bindings = graph.deriveMany("gateway/bindings", summaries, (virtualService, key, lookup) =>
    lookup
      .list(places)
      .filter(({ ssl, http }) => selects({ ssl }, http, virtualService))
      .map(({ ssl: _ssl, http: _http, ...place }): readonly [string, Binding] => [
        `${place.slot}|${key}`,
        { ...place, virtualService },
      ]),
  );

  const problems = graph.derive("gateway/gateway-problems", slots, (slot, _key, lookup) => {
    const sources = [{ kind: "Gateway", ref: refOf(slot.gateway) }];
    const found: TranslationProblem[] = [...slot.problems];
    for (const ref of slot.http?.virtualServices ?? []) {
      if (!lookup.has(summaries, refKey(ref))) {
        found.push({
          severity: "error",
          message: `virtual service ${refText(ref)} not found`,
          path: "httpGateway",
          sources,
        });
      }
    }
    const others = (lookup.get(slotOwners, slot.claim)?.claimants ?? []).filter((other) => other !== slot.claimant);
    if (others.length > 0) {
      const address = `${slot.gateway.bindAddress}:${slot.gateway.bindPort}`;
      const names = others.map((other) => other.replace("/", ".")).join(", ");
      const message = `bind address not unique: ${address} of proxy ${slot.proxy.name} is also claimed by ${names}`;
      found.push({ severity: "error", message, path: "bindPort", sources });
    }
    return found.length === 0 ? undefined : found;
  });
  return { slots, slotOwners, bindings, problems };
}
