import fc from "fast-check";
import type { EndpointSlice, Service } from "../../../../src/discovery/index.ts";
import type { EndpointAddress, TranslationSettings } from "../../../../src/envoy/index.ts";
import type { GatewaySettings } from "../../../../src/gateway/index.ts";
import { kinds, seldom, type Spec, specs } from "./specs.ts";

export type Edit =
  | { readonly type: "set"; readonly kind: string; readonly key: string; readonly spec: Spec }
  /** Takes one field from another specification; of a virtual service, one of its virtual host. */
  | { readonly type: "field"; readonly kind: string; readonly key: string; readonly spec: Spec; readonly field: number }
  | {
      readonly type: "delete" | "relabel" | "reorder" | "rename" | "repair" | "fewer routes" | "more routes";
      readonly kind: string;
      readonly key: string;
    }
  | { readonly type: "endpoints"; readonly key: string; readonly endpoints: readonly EndpointAddress[] | undefined }
  | { readonly type: "service"; readonly name: string; readonly service: Service | undefined }
  | { readonly type: "slice"; readonly name: string; readonly slice: EndpointSlice | undefined }
  | { readonly type: "pod"; readonly labels: Readonly<Record<string, string>> | undefined }
  | { readonly type: "pods known"; readonly known: boolean }
  | { readonly type: "settings"; readonly change: Partial<TranslationSettings> }
  | { readonly type: "gateway settings"; readonly change: Partial<GatewaySettings> }
  | { readonly type: "short circuits"; readonly wanted: boolean };

/** How a step comes: the resources that it changes, or all there are once more; or while the control plane was down. */
export type Arrival = "changes" | "listing" | "restart" | "restart, clusters first";

/** Edits that one flush takes over. */
export interface Step {
  readonly edits: readonly Edit[];
  readonly arrival: Arrival;
}

const kindWeights: Readonly<Record<string, number>> = { VirtualService: 6, RouteTable: 6, Upstream: 3, Gateway: 3 };
const named = fc.oneof(
  ...Object.entries(kinds).map(([kind, { keys }]) => ({
    weight: kindWeights[kind] ?? 1,
    arbitrary: fc.constantFrom(...keys).map((key) => ({ kind, key })),
  })),
);
const set: fc.Arbitrary<Edit> = named.chain(({ kind, key }) =>
  (specs[kind] as fc.Arbitrary<Spec>).map((spec): Edit => ({ type: "set", kind, key, spec })),
);
const field: fc.Arbitrary<Edit> = fc
  .tuple(set, fc.nat({ max: 63 }))
  .map(([one, number]): Edit => (one.type === "set" ? { ...one, type: "field", field: number } : one));
const resourceEdits = [
  ...(["delete", "relabel", "reorder", "rename", "rename", "repair", "fewer routes", "more routes"] as const),
];
const address = fc.record({
  address: fc.constantFrom("10.0.0.1", "10.0.0.2"),
  port: fc.constantFrom(1, 2, 3),
  labels: seldom(fc.constant({ tag_blue: "1" })),
});
const services = fc.constantFrom("svc-0", "svc-1");
const service = fc
  .record({
    ports: fc.constantFrom([80], [80, 81], [81], []),
    externalName: seldom(fc.constant("external.test")),
    selector: seldom(fc.constant({ app: "x" })),
  })
  .map(({ ports, externalName, selector }) => ({
    ports: ports.map((port) => ({ port, name: `p${port}`, appProtocol: "" })),
    ...{ externalName, selector, prefersIPv6: false, labels: {}, annotations: {} },
  }));
const slice = fc.record({
  service: services.map((name) => `apps/${name}`),
  family: fc.constantFrom("IPv4" as const, "IPv6" as const),
  ports: fc.constantFrom([{ name: "p80", port: 8080 }], [{ name: "p81", port: 8081 }]),
  endpoints: fc.array(
    fc.record({
      address: fc.constantFrom("10.1.0.1", "10.1.0.2"),
      state: fc.constantFrom("ready" as const, "terminating" as const),
      pod: fc.constantFrom("apps/pod", "apps/unknown", undefined),
      hostname: fc.constant(""),
      zone: fc.constant(""),
    }),
    { maxLength: 2 },
  ),
});

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 9, arbitrary: set },
  { weight: 9, arbitrary: field },
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...resourceEdits), named).map(([type, at]): Edit => ({ type, ...at })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...(kinds["Upstream"]?.keys ?? [])), seldom(fc.array(address, { maxLength: 2 })))
      .map(([key, endpoints]): Edit => ({ type: "endpoints", key, endpoints })),
  },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.tuple(services, seldom(service)).map(([name, facts]): Edit => {
        const found = facts && { ref: { name, namespace: "apps" }, ...facts };
        return { type: "service", name, service: found };
      }),
      fc
        .tuple(fc.constantFrom("s-0", "s-1"), seldom(slice))
        .map(([name, it]): Edit => ({ type: "slice", name, slice: it })),
      seldom(fc.constantFrom({ version: "1" }, { app: "x", version: "2" })).map(
        (labels): Edit => ({ type: "pod", labels }),
      ),
      fc.boolean().map((known): Edit => ({ type: "pods known", known })),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        fc.boolean().map((scopedRoutes): Partial<TranslationSettings> => ({ scopedRoutes })),
        fc.boolean().map((allUpstreams) => ({ allUpstreams })),
        fc.boolean().map((kubernetesDestinations) => ({ kubernetesDestinations })),
        fc.boolean().map((warnMissingTlsSecret) => ({ warnMissingTlsSecret })),
        fc.constantFrom(undefined, 2).map((regexMaxProgramSize) => ({ regexMaxProgramSize })),
      )
      .map((change): Edit => ({ type: "settings", change })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Partial<GatewaySettings>>(
        { translateEmptyGateways: true },
        { translateEmptyGateways: false },
        { readGatewaysFromAllNamespaces: true },
        { readGatewaysFromAllNamespaces: false },
        { writeNamespace: "elsewhere" },
        { writeNamespace: "gloo-system" },
      )
      .map((change): Edit => ({ type: "gateway settings", change })),
  },
  { weight: 1, arbitrary: fc.boolean().map((wanted): Edit => ({ type: "short circuits", wanted })) },
);

const arrival: fc.Arbitrary<Arrival> = fc.oneof(
  { weight: 10, arbitrary: fc.constant("changes") },
  { weight: 4, arbitrary: fc.constant("listing") },
  { weight: 1, arbitrary: fc.constantFrom("restart", "restart, clusters first") },
);
const step = fc.record({ edits: fc.array(edit, { minLength: 1, maxLength: 4 }), arrival });

const plainSet = (kind: string, key: string, spec: Spec): Edit => ({ type: "set", kind, key, spec });
const staticHost = { static: { hosts: [{ addr: "127.0.0.1", port: 1 }] } };
/** What serves whatever comes. */
const plain: readonly Edit[] = [
  plainSet("Gateway", "gloo-system/gw-0", { bindAddress: "0.0.0.0", bindPort: 8080, httpGateway: {} }),
  plainSet("VirtualService", "gloo-system/vs-0", {
    virtualHost: {
      domains: ["a.test", "*.test"],
      routes: [{ matchers: [{ prefix: "/" }], delegateAction: { selector: { labels: { team: "a" } } } }],
    },
  }),
  ...["gloo-system/rt-0", "gloo-system/rt-1"].map((key, at) => {
    const direct = [{ exact: "/a" }, { prefix: `/b/${at}` }].map((matcher) => ({
      ...{ matchers: [matcher], directResponseAction: { status: 200, body: "ok" } },
    }));
    return plainSet("RouteTable", key, { labels: { team: "a" }, routes: direct });
  }),
  plainSet("Upstream", "gloo-system/us-0", staticHost),
  plainSet("Upstream", "elsewhere/us-0", staticHost),
  plainSet("Upstream", "gloo-system/us-1", { consul: { serviceName: "svc" } }),
  { type: "endpoints", key: "gloo-system/us-1", endpoints: [{ address: "10.0.0.1", port: 1 }] },
  plainSet("Upstream", "gloo-system/us-2", {
    kube: { ...{ serviceName: "svc-0", serviceNamespace: "apps", servicePort: 80 }, selector: { app: "x" } },
  }),
  {
    ...{ type: "service", name: "svc-0" },
    service: {
      ...{ ref: { name: "svc-0", namespace: "apps" }, ports: [{ port: 80, name: "p80", appProtocol: "" }] },
      ...{ externalName: undefined, selector: { team: "a" }, prefersIPv6: false, labels: {}, annotations: {} },
    },
  },
  {
    ...{ type: "slice", name: "s-0" },
    slice: {
      ...{ service: "apps/svc-0", family: "IPv4", ports: [{ name: "p80", port: 8080 }] },
      endpoints: [{ address: "10.1.0.1", state: "ready", pod: "apps/pod", hostname: "", zone: "" }],
    },
  },
  { type: "pod", labels: { app: "x" } },
  { type: "pods known", known: true },
];

/** Sequences of at most so many steps; most of them begin with much that is there already. */
export const sequences = (maxSteps: number): fc.Arbitrary<readonly Step[]> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 1, arbitrary: fc.constant([]) },
        {
          weight: 3,
          arbitrary: fc.array(set, { minLength: 1, maxLength: 30, size: "max" }).map((all) => [...plain, ...all]),
        },
      ),
      fc.array(step, { minLength: 1, maxLength: maxSteps, size: "max" }),
    )
    .map(([before, steps]) =>
      before.length === 0 ? steps : [{ edits: before, arrival: "listing" as const }, ...steps],
    );

/** What is stored: specifications by `<kind>/<namespace>/<name>`, and all else that the translation goes by. */
export interface World {
  readonly specs: Map<string, Spec>;
  /** The last specification of each resource that has been replaced, for its repair. */
  readonly former: Map<string, Spec>;
  readonly endpoints: Map<string, readonly EndpointAddress[]>;
  readonly services: Map<string, Service>;
  readonly slices: Map<string, EndpointSlice>;
  readonly pods: Map<string, Readonly<Record<string, string>>>;
  podsKnown: boolean;
  settings: Partial<TranslationSettings>;
  gatewaySettings: Partial<GatewaySettings>;
  shortCircuits: boolean;
}

export const emptyWorld = (): World => ({
  ...{ specs: new Map(), former: new Map(), endpoints: new Map(), services: new Map(), slices: new Map() },
  ...{ pods: new Map(), podsKnown: false, settings: {}, gatewaySettings: {}, shortCircuits: false },
});

const put = <V>(map: Map<string, V>, key: string, value: V | undefined): void =>
  void (value === undefined ? map.delete(key) : map.set(key, value));

export function changeWorld(world: World, one: Edit): void {
  switch (one.type) {
    case "settings":
      world.settings = { ...world.settings, ...one.change };
      return;
    case "gateway settings":
      world.gatewaySettings = { ...world.gatewaySettings, ...one.change };
      return;
    case "short circuits":
      world.shortCircuits = one.wanted;
      return;
    case "endpoints":
      return put(world.endpoints, one.key, one.endpoints);
    case "service":
      return put(world.services, `apps/${one.name}`, one.service);
    case "slice":
      return put(world.slices, `apps/${one.name}`, one.slice);
    case "pod":
      return put(world.pods, "apps/pod", one.labels);
    case "pods known":
      world.podsKnown = one.known;
      return;
    default:
      changeResource(world, one);
  }
}

function changeResource({ specs: stored, former }: World, one: Extract<Edit, { readonly kind: string }>): void {
  const at = `${one.kind}/${one.key}`;
  const known = stored.get(at);
  if (one.type === "repair") {
    const before = former.get(at);
    if (before !== undefined) stored.set(at, before);
  } else if (one.type === "set") {
    stored.set(at, one.spec);
  } else if (one.type === "field") {
    stored.set(at, known === undefined ? one.spec : withField(known, one.spec, one.field));
  } else if (known === undefined) {
    return;
  } else if (one.type === "relabel") {
    stored.set(at, { ...known, labels: relabelled(known.labels) });
  } else if (one.type === "reorder") {
    stored.set(at, reordered(known) as Spec);
  } else if (one.type === "fewer routes" || one.type === "more routes") {
    stored.set(at, withRoutes(known, one.type === "fewer routes"));
  } else {
    stored.delete(at);
    if (one.type === "rename") {
      const own = kinds[one.kind]?.keys ?? [];
      stored.set(`${one.kind}/${own[(own.indexOf(one.key) + 1) % own.length]}`, known);
    }
  }
  if (known !== undefined) former.set(at, known);
}

function withField(known: Spec, from: Spec, number: number): Spec {
  const fields = [...new Set([...Object.keys(known), ...Object.keys(from)])].sort();
  const chosen = fields[number % fields.length] as string;
  const [host, other] = [known["virtualHost"], from["virtualHost"]];
  if (chosen === "virtualHost" && host !== undefined && other !== undefined) {
    return { ...known, virtualHost: withField(host as Spec, other as Spec, Math.floor(number / fields.length)) };
  }
  const instead = alternatives.find((them) => them.includes(chosen)) ?? [chosen];
  const rest = Object.fromEntries(Object.entries(known).filter(([name]) => !instead.includes(name)));
  return from[chosen] === undefined ? rest : { ...rest, [chosen]: from[chosen] };
}

/** Fields of which a resource has one. */
const alternatives = [
  ["static", "consul", "kube"],
  ["httpGateway", "tcpGateway"],
  ["tls", "oauth"],
];

/** Without the first route, or with the last one at the start once more. */
function withRoutes(known: Spec, fewer: boolean): Spec {
  const host = known["virtualHost"];
  if (host !== undefined) return { ...known, virtualHost: withRoutes(host as Spec, fewer) };
  const routes = known["routes"];
  if (!Array.isArray(routes)) return known;
  return { ...known, routes: fewer ? routes.slice(1) : [...routes.slice(-1), ...routes] };
}

/** Its team in turn: one, the other, none. */
function relabelled({ team, ...rest }: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return team === "b" ? rest : { ...rest, team: team === "a" ? "b" : "a" };
}

/** Turns every list of routes, domains or hosts round. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.toReversed();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, name === "labels" ? field : reordered(field)]),
  );
}
