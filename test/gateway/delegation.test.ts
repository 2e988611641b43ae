import { describe, expect, it } from "vitest";
import type { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { gatewayRig } from "./support/gateway-rig.ts";

const virtualService = (routes: string) => `
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: default}
spec: {virtualHost: {routes: [${routes}]}}
`;
const routeTable = (name: string, routes: string, more = "") => `
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: ${name}, labels: {team: ${name}}}
spec: {${more} routes: [${routes}]}
`;
const to = (upstream: string) => `routeAction: {single: {upstream: {name: ${upstream}}}}`;
const delegateTo = (name: string) => `delegateAction: {ref: {name: ${name}}}`;

/** `prefix /a -> us`, or the status of a direct response. */
function line(route: Route): string {
  const matchers = route.matchers.map(({ pathSpecifier, methods }) => {
    const path = pathSpecifier?.$case === "connectMatcher" ? "" : pathSpecifier?.value;
    return `${pathSpecifier?.$case} ${path}${methods.length > 0 ? ` ${methods.join("|")}` : ""}`;
  });
  const action = route.action;
  const destination = action?.$case === "routeAction" ? action.value.destination : undefined;
  const upstream = destination?.$case === "single" ? destination.value.destinationType : undefined;
  const target =
    action?.$case === "directResponseAction"
      ? action.value.status
      : upstream?.$case === "upstream"
        ? `${upstream.value.namespace}.${upstream.value.name}`
        : action?.$case;
  return `${matchers.join(", ")} -> ${target}`;
}

function translate(yaml: string) {
  const rig = gatewayRig();
  rig.apply(yaml);
  return { routes: rig.virtualHost("gloo-system.default").routes.map(line), report: rig.report(), rig };
}

describe("delegation", () => {
  it("puts the routes of a route table in the place of the route that delegates to it", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{prefix: /a}], ${delegateTo("a")}}, {matchers: [{prefix: /}], ${to("rest")}}`) +
        routeTable("a", `{matchers: [{exact: /a/1}], ${to("one")}}, {matchers: [{prefix: /a}], ${to("all")}}`),
    );
    expect(routes).toEqual([
      "exact /a/1 -> gloo-system.one",
      "prefix /a -> gloo-system.all",
      "prefix / -> gloo-system.rest",
    ]);
    expect(report).toEqual([]);
  });

  it("reads the deprecated flat form of a delegate action", () => {
    const { routes } = translate(
      virtualService(`{matchers: [{prefix: /a}], delegateAction: {name: a, namespace: gloo-system}}`) +
        routeTable("a", `{matchers: [{prefix: /a}], ${to("all")}}`),
    );
    expect(routes).toEqual(["prefix /a -> gloo-system.all"]);
  });

  it("warns of a missing route table and answers 503 in its place, so that nothing falls through", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{prefix: /a}], ${delegateTo("a")}}, {matchers: [{prefix: /}], ${to("rest")}}`),
    );
    expect(routes).toEqual(["prefix /a -> 503", "prefix / -> gloo-system.rest"]);
    expect(report).toEqual(["warning VirtualService default: route table gloo-system.a missing"]);
  });

  it("serves the table once it is there", () => {
    const { rig } = translate(virtualService(`{matchers: [{prefix: /a}], ${delegateTo("a")}}`));
    rig.apply(routeTable("a", `{matchers: [{prefix: /a}], ${to("all")}}`));
    expect(rig.virtualHost("gloo-system.default").routes.map(line)).toEqual(["prefix /a -> gloo-system.all"]);
    expect(rig.report()).toEqual([]);
  });

  it("leaves out a route that reaches beyond the prefix it was delegated, with a warning on both resources", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{prefix: /a}], ${delegateTo("a")}}`) +
        routeTable("a", `{matchers: [{prefix: /b}], ${to("b")}}, {matchers: [{prefix: /a/x}], ${to("x")}}`),
    );
    expect(routes).toEqual(["prefix /a/x -> gloo-system.x"]);
    expect(report).toEqual([
      "warning RouteTable a: invalid route: the matchers must be within those of the route that delegates to it: required prefix: /a, prefix: /b",
      "warning VirtualService default: on sub route table gloo-system.a: invalid route: the matchers must be within those of the route that delegates to it: required prefix: /a, prefix: /b",
    ]);
  });

  it("lets a table inherit path, headers and methods where the delegating route says so", () => {
    const { routes, rig } = translate(
      virtualService(
        `{matchers: [{prefix: /a, methods: [GET], headers: [{name: x-team}]}], inheritableMatchers: true, inheritablePathMatchers: true, ${delegateTo("a")}}`,
      ) + routeTable("a", to("all").replace(/^/, "{").replace(/$/, "}")),
    );
    expect(routes).toEqual(["prefix /a GET -> gloo-system.all"]);
    expect(rig.virtualHost("gloo-system.default").routes[0]?.matchers[0]?.headers.map(({ name }) => name)).toEqual([
      "x-team",
    ]);
  });

  it("refuses a delegating route with an exact matcher and answers 500 there", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{exact: /a}], ${delegateTo("a")}}`) + routeTable("a", `{${to("all")}}`),
    );
    expect(routes).toEqual(["exact /a -> 500"]);
    expect(report).toEqual([
      "error VirtualService default: invalid route: routes with delegate actions must use a prefix matcher",
    ]);
  });

  it("finds a delegation cycle, names it, and answers 500 where it closes", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{prefix: /a}], ${delegateTo("a")}}, {matchers: [{prefix: /}], ${to("rest")}}`) +
        routeTable("a", `{matchers: [{prefix: /a}], ${delegateTo("b")}}`) +
        routeTable("b", `{matchers: [{prefix: /a}], ${delegateTo("a")}}`),
    );
    expect(routes).toEqual(["prefix /a -> 500", "prefix / -> gloo-system.rest"]);
    const cycle =
      "invalid route: delegation cycle: gloo-system.default -> gloo-system.a -> gloo-system.b -> gloo-system.a";
    expect(report).toContain(`error RouteTable b: ${cycle}`);
    expect(report).toContain(`error VirtualService default: on sub route table gloo-system.b: ${cycle}`);
  });

  it("selects tables by label, orders them by weight, and sorts the routes of those with one weight", () => {
    const table = (name: string, weight: number, path: string) => `
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: ${name}, labels: {app: shop}}
spec: {weight: ${weight}, routes: [{matchers: [{prefix: ${path}}], ${to(name)}}]}
`;
    const { routes } = translate(
      virtualService(`{matchers: [{prefix: /}], delegateAction: {selector: {labels: {app: shop}}}}`) +
        table("late", 2, "/a/b/c") +
        table("short", 1, "/a") +
        table("long", 1, "/a/b"),
    );
    expect(routes).toEqual([
      "prefix /a/b -> gloo-system.long",
      "prefix /a -> gloo-system.short",
      "prefix /a/b/c -> gloo-system.late",
    ]);
  });

  it("gives the delegate's options precedence over the delegating route's", () => {
    const { rig } = translate(
      virtualService(`{matchers: [{prefix: /a}], options: {timeout: 3s, prefixRewrite: /parent}, ${delegateTo("a")}}`) +
        routeTable("a", `{matchers: [{prefix: /a}], options: {prefixRewrite: /child}, ${to("all")}}`),
    );
    const options = rig.virtualHost("gloo-system.default").routes[0]?.options;
    expect(options?.prefixRewrite).toBe("/child");
    expect(options?.timeout?.seconds).toBe(3n);
  });

  it("names routes along the way once one of them has a name, and leaves the others blank", () => {
    const { rig } = translate(
      virtualService(
        `{name: top, matchers: [{prefix: /a}], ${delegateTo("a")}}, {matchers: [{prefix: /}], ${to("rest")}}`,
      ) + routeTable("a", `{matchers: [{prefix: /a}], ${to("all")}}`),
    );
    expect(rig.virtualHost("gloo-system.default").routes.map(({ name }) => name)).toEqual([
      "vs:gateway-proxy_gateway-proxy_gloo-system_default_route:top_rt:gloo-system_a_route:<unnamed-0>",
      "",
    ]);
  });

  it("answers 500 for a route without an action, and says what to add", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{prefix: /a}]}, {matchers: [{prefix: /}], ${to("rest")}}`),
    );
    expect(routes).toEqual(["prefix /a -> 500", "prefix / -> gloo-system.rest"]);
    expect(report).toEqual([
      "error VirtualService default: invalid route: it has no action: add routeAction, redirectAction, directResponseAction or delegateAction",
    ]);
  });

  it("merges options by reference: inline first, then the references in their order", () => {
    const { rig } = translate(
      virtualService(
        `{matchers: [{prefix: /a}], options: {timeout: 1s}, optionsConfigRefs: {delegateOptions: [{name: first}, {name: second}]}, ${to("all")}}`,
      ) +
        `
---
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: first}
spec: {options: {timeout: 2s, prefixRewrite: /first}}
---
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: second}
spec: {options: {prefixRewrite: /second, hostRewrite: second}}
`,
    );
    const options = rig.virtualHost("gloo-system.default").routes[0]?.options;
    expect(options?.timeout?.seconds).toBe(1n);
    expect(options?.prefixRewrite).toBe("/first");
    expect(options?.hostRewriteType).toEqual({ $case: "hostRewrite", value: "second" });
  });

  it("closes a route whose options by reference are missing, since they may have protected it", () => {
    const { routes, report } = translate(
      virtualService(`{matchers: [{prefix: /a}], optionsConfigRefs: {delegateOptions: [{name: gone}]}, ${to("all")}}`),
    );
    expect(routes).toEqual(["prefix /a -> 500"]);
    expect(report).toEqual(["error VirtualService default: RouteOption gloo-system.gone not found"]);
  });

  it("records of each route which part of which resource it came from", () => {
    const { rig } = translate(
      virtualService(`{matchers: [{prefix: /}], ${to("rest")}}, {matchers: [{prefix: /a}], ${delegateTo("a")}}`) +
        routeTable("a", `{matchers: [{exact: /a/1}], ${to("one")}}, {matchers: [{prefix: /a}], ${to("all")}}`),
    );
    const sources = rig
      .virtualHost("gloo-system.default")
      .routes.map(({ opaqueMetadata }) =>
        opaqueMetadata?.$case === "metadataStatic"
          ? opaqueMetadata.value.sources.map(
              ({ resourceKind, resourceRef, path }) => `${resourceKind} ${resourceRef?.name} ${path}`,
            )
          : [],
      );
    expect(sources).toEqual([
      ["*v1.VirtualService default virtualHost.routes[0]"],
      ["*v1.VirtualService default virtualHost.routes[1]", "*v1.RouteTable a routes[0]"],
      ["*v1.VirtualService default virtualHost.routes[1]", "*v1.RouteTable a routes[1]"],
    ]);
  });
});
