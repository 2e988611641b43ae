import fc from "fast-check";
import type { Duration } from "../../../generated/proto/google/protobuf/duration.ts";
import type { Route } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { RouteOptions } from "../../../generated/proto/epoxy/gloo/v1/route_options.ts";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { tables } from "../../../generated/sdk/tables.ts";
import { arbitraryMessage } from "../../resources/support/arbitrary.ts";

/**
 * Random messages by their full name, of which most have some fault. Those below are nearer to what is accepted, so that
 * enough of them reaches Envoy.
 */
// biome-ignore lint/suspicious/noExplicitAny: the type is known by name only
const random = (typeName: string, depth = 4): fc.Arbitrary<any> =>
  arbitraryMessage<any>(tables.message(typeName), depth);
// biome-ignore lint/suspicious/noExplicitAny: as above
const empty = (typeName: string): any => tables.message<any>(typeName).codec.fromPartial({});

const glued = (...pieces: readonly string[]) => fc.string({ unit: fc.constantFrom(...pieces), maxLength: 8 });
const pathText = fc.oneof(
  fc.string(),
  glued(..."/ a % 2 [ ] ( ) \\ d + * ? { } , 1 ^ $ . | - /users (?: .{60} [a-z]{90}".split(" ")),
);
const format = glued(
  "%",
  "a",
  " ",
  "%%",
  "%REQ(x)%",
  "%REQ(:path?X):3%",
  "%START_TIME(%s.%3f)%",
  "%RESPONSE_CODE%",
  "%PATH(NQ)%",
  ":1",
);
const rewrite = fc.record({
  pattern: fc.record({ regex: pathText, engineType: fc.constant(undefined) }),
  substitution: pathText,
});
const duration: fc.Arbitrary<Duration> = fc.record({
  seconds: fc.bigInt({ min: 0n, max: 400n }),
  nanos: fc.nat(999_999_999),
});

const forward: Route = {
  ...empty("epoxy.gloo.v1.Route"),
  action: {
    $case: "routeAction",
    value: {
      destination: {
        $case: "single",
        value: {
          destinationType: { $case: "upstream", value: { name: "any", namespace: "any" } },
          destinationSpec: undefined,
          subset: undefined,
        },
      },
    },
  },
};
const options: RouteOptions = empty("epoxy.gloo.v1.RouteOptions");
const withOption = (field: keyof RouteOptions, value: fc.Arbitrary<unknown>): fc.Arbitrary<Route> =>
  value.map((set) => ({ ...forward, options: { ...options, [field]: set } }));

const matcher = fc
  .tuple(random("epoxy.gloo.matchers.v1.Matcher"), fc.constantFrom("prefix", "exact", "regex"), pathText)
  .map(([message, $case, value]) => ({ ...message, pathSpecifier: { $case, value } }));

const addedHeader = fc.record({
  headerOption: fc
    .record({ key: glued("a", "-", "X", "1"), value: format })
    .map((value) => ({ $case: "header", value })),
  append: fc.option(fc.boolean(), { nil: undefined }),
});

/** Routes, each with one thing at random. */
export const arbitraryRoute: fc.Arbitrary<Route> = fc.oneof(
  random("epoxy.gloo.v1.Route"),
  matcher.map((one) => ({ ...forward, matchers: [one] })),
  random("epoxy.gloo.v1.RedirectAction").map((value) => ({
    ...forward,
    action: { $case: "redirectAction" as const, value },
  })),
  fc
    .record({ status: fc.integer({ min: 190, max: 610 }), body: fc.string() })
    .map((value) => ({ ...forward, action: { $case: "directResponseAction" as const, value } })),
  random("epoxy.gloo.v1.RouteOptions").map((set) => ({ ...forward, options: set })),
  withOption("headerManipulation", random("epoxy.gloo.options.headers.v1.HeaderManipulation")),
  withOption(
    "headerManipulation",
    fc.record({
      requestHeadersToAdd: fc.array(addedHeader, { maxLength: 2 }),
      requestHeadersToRemove: fc.array(glued("x", "-"), { maxLength: 1 }),
      responseHeadersToAdd: fc.array(addedHeader, { maxLength: 2 }),
      responseHeadersToRemove: fc.constant([]),
    }),
  ),
  withOption("retries", random("epoxy.gloo.options.retries.v1.RetryPolicy")),
  withOption("timeout", random("google.protobuf.Duration")),
  withOption("regexRewrite", rewrite),
  withOption("prefixRewrite", fc.string()),
  withOption(
    "hostRewriteType",
    fc.oneof(
      rewrite.map((value) => ({ $case: "hostRewritePathRegex", value })),
      fc.string().map((value) => ({ $case: "hostRewrite", value })),
      fc.string().map((value) => ({ $case: "hostRewriteHeader", value })),
    ),
  ),
);

const host = { ...empty("epoxy.gloo.options.static.v1.Host"), addr: "127.0.0.1", port: 443 };
const staticSpec = { ...empty("epoxy.gloo.options.static.v1.UpstreamSpec"), hosts: [host] };
const upstream: Upstream = {
  ...empty("epoxy.gloo.v1.Upstream"),
  metadata: { ...empty("epoxy.core.v1.Metadata"), name: "any", namespace: "any" },
  upstreamType: { $case: "static", value: staticSpec },
};
const withField = (field: keyof Upstream, value: fc.Arbitrary<unknown>): fc.Arbitrary<Upstream> =>
  value.map((set) => ({ ...upstream, [field]: set }));

const ringHash = fc
  .record({
    minimumRingSize: fc.bigInt({ min: 0n, max: 9_000_000n }),
    maximumRingSize: fc.bigInt({ min: 0n, max: 9_000_000n }),
  })
  .map((ringHashConfig) => ({ $case: "ringHash", value: { ringHashConfig } }));
const slowStart = fc
  .record({
    slowStartWindow: duration,
    aggression: fc.double({ min: 0, max: 200, noNaN: true }),
    minWeightPercent: fc.double({ min: 0, max: 101, noNaN: true }),
  })
  .map((slowStartConfig) => ({ $case: "leastRequest", value: { choiceCount: 2, slowStartConfig } }));

const healthCheck = random("epoxy.envoy.v1.HealthCheck").map((check) => ({
  ...check,
  timeout: { seconds: 1n, nanos: 0 },
  interval: { seconds: 1n, nanos: 0 },
  unhealthyThreshold: 1,
  healthyThreshold: 2,
}));

const hosts = fc.array(
  fc
    .tuple(
      random("epoxy.gloo.options.static.v1.Host"),
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.string()),
      fc.integer({ min: 0, max: 65_600 }),
    )
    .map(([message, addr, port]) => ({ ...message, addr, port })),
  { maxLength: 3 },
);

/** Upstreams, each with one thing at random. */
export const arbitraryUpstream: fc.Arbitrary<Upstream> = fc.oneof(
  random("epoxy.gloo.v1.Upstream").map((message) => ({ ...message, metadata: upstream.metadata })),
  withField(
    "upstreamType",
    hosts.map((list) => ({ $case: "static", value: { ...staticSpec, hosts: list } })),
  ),
  withField(
    "upstreamType",
    random("epoxy.gloo.options.consul.v1.UpstreamSpec").map((value) => ({ $case: "consul", value })),
  ),
  withField(
    "upstreamType",
    fc.string().map((path) => ({ $case: "pipe", value: { path, serviceSpec: undefined } })),
  ),
  withField("circuitBreakers", random("epoxy.gloo.circuit_breaker.v1.CircuitBreakerConfig")),
  withField("connectionConfig", random("epoxy.gloo.v1.ConnectionConfig")),
  withField("loadBalancerConfig", random("epoxy.gloo.v1.LoadBalancerConfig")),
  withField(
    "loadBalancerConfig",
    fc.oneof(ringHash, slowStart).map((type) => ({ ...empty("epoxy.gloo.v1.LoadBalancerConfig"), type })),
  ),
  withField("healthChecks", fc.array(healthCheck, { maxLength: 2 })),
  withField(
    "outlierDetection",
    fc
      .tuple(random("epoxy.envoy.v1.OutlierDetection"), duration, duration)
      .map(([message, interval, maxEjectionTime]) => ({ ...message, interval, maxEjectionTime })),
  ),
);

/** Fragments with whatever a listener may be. */
export const arbitraryFragment = random("epoxy.gloo.v1.ProxyFragment", 6);
