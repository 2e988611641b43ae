import type { RouteOption, VirtualHostOption } from "../../generated/proto/epoxy/gateway/v1/external_options.ts";
import type { Gateway } from "../../generated/proto/epoxy/gateway/v1/gateway.ts";
import type { RouteTable } from "../../generated/proto/epoxy/gateway/v1/route_table.ts";
import type { VirtualService } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import type { Proxy } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Collection, Value } from "../collections/index.ts";
import type { TranslationProblem } from "../resources/index.ts";
import type { LastOwner, Ownership } from "./claims.ts";

/** The part of Settings that the gateway translator goes by. */
export interface GatewaySettings {
  /** Namespace of Proxies, and of the gateways that count. */
  readonly writeNamespace: string;
  readonly readGatewaysFromAllNamespaces: boolean;
  /** Open listeners of gateways that serve no virtual service, too. */
  readonly translateEmptyGateways: boolean;
}

/** Resources by refKey. */
export interface GatewayInputs {
  readonly gateways: Collection<Gateway>;
  readonly virtualServices: Collection<VirtualService>;
  readonly routeTables: Collection<RouteTable>;
  readonly virtualHostOptions: Collection<VirtualHostOption>;
  readonly routeOptions: Collection<RouteOption>;
  /** Proxies that somebody stored. */
  readonly proxies: Collection<Proxy>;
  readonly settings: Value<GatewaySettings>;
  /** Who had the contested things before this process. */
  readonly lastOwners?: { readonly domains: LastOwner; readonly addresses: LastOwner } | undefined;
}

export interface GatewayOutputs {
  /** Fragments with a listener, by fragmentKey. */
  readonly listeners: Collection<ProxyFragment>;
  /** Listeners that aren't opened since they would serve nothing, so that what is wrong with them is said all the same. */
  readonly idleListeners: Collection<ProxyFragment>;
  /** Fragments with one virtual host, by fragmentKey. */
  readonly virtualHosts: Collection<ProxyFragment>;
  /** What there is to say, by whatever it came from; each problem names its sources. */
  readonly problems: readonly Collection<readonly TranslationProblem[]>[];
  /** Proxies that gateways produce, by refKey of the Proxy; `gateway` tells who won where one is stored, too. */
  readonly proxies: Collection<ProxyDecision>;
  /** Who has the domains of listeners and the addresses of Proxies. */
  readonly owners: { readonly domains: Collection<Ownership>; readonly addresses: Collection<Ownership> };
}

/** Whose a Proxy's name is: the gateways' or that of the one who stored a Proxy under it. */
export interface ProxyDecision {
  readonly servedFrom: "gateways" | "stored";
  /** Set if gateways want the name, but a stored Proxy that isn't theirs keeps it. */
  readonly conflict: boolean;
}
