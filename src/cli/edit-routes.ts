import type { Route } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import {
  type RouteTable,
  RouteTableKind,
  RouteTableType,
  type VirtualService,
  VirtualServiceKind,
  VirtualServiceType,
} from "../../generated/sdk/index.ts";
import { combineErrors, EpoxyError, isAlreadyExists, isConflict, isNotFound } from "../errors/index.ts";
import { checkRef, type Kind, type Resource } from "../resources/index.ts";
import type { ResourceClient } from "../storage/index.ts";
import type { Stores } from "./stores.ts";

export interface RoutesOwner {
  /** Empty: the virtual service with the domain *. */
  readonly name: string;
  readonly namespace: string;
  readonly isRouteTable: boolean;
  /** Make one if it is missing. */
  readonly create: boolean;
  /** Without a name: look in all namespaces. */
  readonly allNamespaces: boolean;
}

export interface EditedRoutes {
  readonly kind: Kind<any>;
  readonly resource: Resource;
}

/** What of a kind with routes differs from the other. */
interface RoutesKind<T extends Resource> {
  readonly kind: Kind<T>;
  routes(resource: T): readonly Route[];
  withRoutes(resource: T, routes: readonly Route[]): T;
  build(namespace: string, name: string): T;
}

const virtualServices: RoutesKind<VirtualService> = {
  kind: VirtualServiceKind,
  routes: ({ virtualHost }) => virtualHost?.routes ?? [],
  withRoutes: (resource, routes) => {
    const whole = VirtualServiceType.codec.fromPartial({
      ...resource,
      virtualHost: { ...resource.virtualHost, routes },
    });
    return whole;
  },
  build: (namespace, name) =>
    VirtualServiceType.codec.fromPartial({ metadata: { name, namespace }, virtualHost: { domains: ["*"] } }),
};

const routeTables: RoutesKind<RouteTable> = {
  kind: RouteTableKind,
  routes: ({ routes }) => routes,
  withRoutes: (resource, routes) => ({ ...resource, routes }),
  build: (namespace, name) => RouteTableType.codec.fromPartial({ metadata: { name, namespace } }),
};

/** How often a change is made anew on what others wrote meanwhile. */
const attempts = 10;

/**
 * Changes the routes of a virtual service or route table. If somebody else writes it at the same time, it is read again and the change
 * is made on what is there then.
 * @param edit returns the new routes, and throws if the change makes no sense
 */
export async function editRoutes(
  stores: Stores,
  owner: RoutesOwner,
  edit: (routes: readonly Route[], ownerText: string) => readonly Route[],
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<EditedRoutes> {
  return owner.isRouteTable ? editOf(routeTables) : editOf(virtualServices);

  async function editOf<T extends Resource>(type: RoutesKind<T>): Promise<EditedRoutes> {
    const client = await stores.client(type.kind);
    for (let attempt = 1; ; attempt++) {
      const found = await find(client, type, owner, signal);
      const text = `${type.kind.kind} ${found.resource.metadata?.namespace}.${found.resource.metadata?.name}`;
      const changed = type.withRoutes(found.resource, edit(type.routes(found.resource), text));
      if (dryRun) return { kind: type.kind, resource: changed };
      try {
        return { kind: type.kind, resource: await client.write(changed, { overwrite: !found.isNew, signal }) };
      } catch (error) {
        if (attempt === attempts || !(isConflict(error) || isAlreadyExists(error))) throw error;
      }
    }
  }
}

async function find<T extends Resource>(
  client: ResourceClient<T>,
  type: RoutesKind<T>,
  { name, namespace, create, allNamespaces }: RoutesOwner,
  signal: AbortSignal,
): Promise<{ readonly resource: T; readonly isNew: boolean }> {
  if (name !== "") {
    try {
      return { resource: await client.read({ namespace, name }, { signal }), isNew: false };
    } catch (error) {
      if (!create || !isNotFound(error)) throw error;
      checkRef(type.kind, { namespace, name });
      return { resource: type.build(namespace, name), isNew: true };
    }
  }
  const { items, problems } = await client.list({ namespaces: allNamespaces ? [] : [namespace], signal });
  const found = items.find((item) => servesAll(item));
  if (found !== undefined) return { resource: found, isNew: false };
  // One of them may be the one that is looked for.
  if (problems.length > 0) throw combineErrors(problems.map(({ error }) => error));
  if (!create) {
    throw new EpoxyError("not_found", `no ${type.kind.kind} in ${namespace} has the domain *: name one with --name`);
  }
  return { resource: type.build(namespace, "default"), isNew: true };
}

/** Whether a virtual service has the domain *, which one without domains has, too. */
function servesAll(resource: Resource): boolean {
  const { virtualHost } = resource as Partial<VirtualService>;
  return virtualHost !== undefined && (virtualHost.domains.length === 0 || virtualHost.domains.includes("*"));
}
