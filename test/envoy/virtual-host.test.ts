import { expect, test } from "vitest";
import { EnvoyVirtualHost, RouteConfiguration } from "../../src/envoy/api.ts";
import { routeConfigHeader, virtualHostPieces } from "../../src/envoy/index.ts";
import { translateYaml, upstreamYaml, virtualHostYaml } from "./support/input.ts";

const petstore = "routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}";

function translate(routes: string, virtualHost?: string) {
  const [translated] = translateYaml(virtualHostYaml(routes, virtualHost) + upstreamYaml("petstore")).virtualHosts;
  if (translated === undefined) throw new Error("the input has no virtual host");
  return translated;
}

test.each([
  // Input of a matcher, and what the route matches instead while it answers 500.
  ['{regex: "/a/(?=b)"}', { $case: "prefix", value: "/a/" }],
  ['{regex: "(?=b)"}', { $case: "prefix", value: "/" }],
  ['{regex: ""}', { $case: "prefix", value: "/" }],
  ['{exact: "/a?b=c"}', { $case: "prefix", value: "/a" }],
  ['{exact: ""}', { $case: "prefix", value: "/" }],
  ['{prefix: "/100%/x"}', { $case: "prefix", value: "/100" }],
  ['{prefix: "a b"}', { $case: "prefix", value: "/" }],
])("the path of matcher %s is widened", (matcher, pathSpecifier) => {
  const { virtualHost, problems } = translate(`- {matchers: [${matcher}], ${petstore}}`);
  expect(virtualHost?.routes[0]?.match?.pathSpecifier).toEqual(pathSpecifier);
  expect(virtualHost?.routes[0]?.action).toMatchObject({ $case: "directResponse", value: { status: 500 } });
  expect(problems.map(({ severity }) => severity)).toEqual(["error"]);
});

test("a constraint that can't be built is left out, the others stay", () => {
  const { virtualHost } = translate(`
- matchers:
  - prefix: /a
    headers: [{name: "a b"}, {name: good}, {name: x, value: "(", regex: true}]
    queryParameters: [{name: ""}, {name: kept}]
    methods: [GET, "NO PE"]
  ${petstore}`);
  const match = virtualHost?.routes[0]?.match;
  expect(match?.headers.map(({ name }) => name)).toEqual(["good"]);
  expect(match?.queryParameters.map(({ name }) => name)).toEqual(["kept"]);
});

test("a faulty route stays between its neighbours, which are served", () => {
  const { virtualHost, clusters, fatal } = translate(`
- {matchers: [{prefix: /a}], ${petstore}}
- {matchers: [{prefix: /b}], ${petstore}, options: {timeout: -1s}}
- {matchers: [{prefix: /c}], ${petstore}}`);
  expect(virtualHost?.routes.map(({ action }) => action?.$case)).toEqual(["route", "directResponse", "route"]);
  expect(clusters).toEqual(["petstore_gloo-system"]);
  expect(fatal).toBe(false);
});

test("one faulty matcher makes the Envoy routes of all matchers of its route answer 500", () => {
  const { virtualHost } = translate(`- {matchers: [{prefix: /a}, {regex: "("}], ${petstore}}`);
  expect(virtualHost?.routes.map(({ action }) => action?.$case)).toEqual(["directResponse", "directResponse"]);
});

test("a fault of the virtual host itself is fatal, and all its routes answer 500 if there is no last good version", () => {
  const { virtualHost, clusters, fatal } = translate(
    `- {matchers: [{prefix: /a}], ${petstore}}`,
    'domains: ["a*b", good.com]',
  );
  expect(fatal).toBe(true);
  expect(virtualHost?.domains).toEqual(["good.com"]);
  expect(virtualHost?.routes[0]?.action).toMatchObject({ $case: "directResponse", value: { status: 500 } });
  expect(clusters).toEqual([]);
});

test("without one valid domain there is nothing to serve", () => {
  const { virtualHost, bytes, fatal } = translate(`- {${petstore}}`, 'domains: ["a/b"]');
  expect({ virtualHost, bytes, fatal }).toEqual({ virtualHost: undefined, bytes: undefined, fatal: true });
});

test("no domains are all domains, no routes are none", () => {
  const { virtualHost, problems } = translate("", "domains: []");
  expect(virtualHost).toMatchObject({ domains: ["*"], routes: [] });
  expect(problems).toEqual([]);
});

test("a body that the listener wouldn't take is an error", () => {
  const { problems } = translate(`- directResponseAction: {status: 200, body: "${"x".repeat(4097)}"}`);
  expect(problems[0]?.message).toContain("4097 bytes");
});

test("an option for forwarding on a route that forwards nothing is a warning, since it has no effect", () => {
  const { problems } = translate("- {directResponseAction: {status: 200}, options: {timeout: 1s}}");
  expect(problems).toMatchObject([
    { severity: "warning", message: "timeout has no effect: the route forwards nothing" },
  ]);
});

test("problems name the owner and the RouteTable that the route comes from, each once", () => {
  const { problems } = translate(`
- metadataStatic:
    sources:
    - {resourceKind: "*v1.VirtualService", resourceRef: {name: default, namespace: gloo-system}}
    - {resourceKind: "*v1.RouteTable", resourceRef: {name: pets, namespace: team-a}}`);
  expect(problems[0]?.sources).toEqual([
    { kind: "VirtualService", ref: { name: "default", namespace: "gloo-system" } },
    { kind: "RouteTable", ref: { name: "pets", namespace: "team-a" } },
  ]);
});

test("a route configuration is its header and its virtual hosts' bytes, one after the other", () => {
  const one = translate(`- {matchers: [{prefix: /a}], ${petstore}}`);
  // Lengths of one, two and three bytes.
  const many = translate(`- {matchers: [${"{prefix: /long-path}, ".repeat(300)}], ${petstore}}`);
  const empty = EnvoyVirtualHost.encode(EnvoyVirtualHost.fromPartial({ name: "empty" })).finish();
  const header = routeConfigHeader("listener-::-8080-routes", {
    maxDirectResponseBodySizeBytes: 9000,
    mostSpecificHeaderMutationsWins: true,
  });
  const parts = [empty, one.bytes ?? empty, many.bytes ?? empty].flatMap((frame) => virtualHostPieces(frame, []));
  const joined = RouteConfiguration.decode(Buffer.concat([header, ...parts]));
  expect(joined).toMatchObject({
    name: "listener-::-8080-routes",
    maxDirectResponseBodySizeBytes: 9000,
    mostSpecificHeaderMutationsWins: true,
  });
  expect(joined.virtualHosts.map(({ routes }) => routes.length)).toEqual([0, 1, 300]);
});

test("a body of ours that the listener wouldn't take is left out", () => {
  const fragment = translateYaml(virtualHostYaml(`- {matchers: [{regex: "("}], ${petstore}}`), "input", {
    maxDirectResponseBodyBytes: 10,
  });
  expect(fragment.virtualHosts[0]?.virtualHost?.routes[0]?.action).toMatchObject({
    $case: "directResponse",
    value: { status: 500, body: undefined },
  });
});
