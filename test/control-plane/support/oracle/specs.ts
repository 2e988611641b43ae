import fc from "fast-check";

/* What random edits put into resources: specifications as users write them, right and wrong. */

/** Of a resource, as in YAML; `labels` are its metadata's. */
export interface Spec {
  readonly labels?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Kinds by their API version, with the names that their resources have: few, so that they refer to each other. */
export const kinds: Readonly<Record<string, { readonly apiVersion: string; readonly keys: readonly string[] }>> = {
  Gateway: {
    apiVersion: "gateway.solo.io/v1",
    keys: ["gloo-system/gw-0", "gloo-system/gw-1", "gloo-system/gateway-proxy", "elsewhere/gw-0"],
  },
  VirtualService: {
    apiVersion: "gateway.solo.io/v1",
    keys: ["gloo-system/vs-0", "gloo-system/vs-1", "gloo-system/vs-2", "elsewhere/vs-0", "elsewhere/vs-1"],
  },
  RouteTable: {
    apiVersion: "gateway.solo.io/v1",
    keys: ["gloo-system/rt-0", "gloo-system/rt-1", "gloo-system/rt-2", "elsewhere/rt-0", "elsewhere/rt-1"],
  },
  VirtualHostOption: { apiVersion: "gateway.solo.io/v1", keys: ["gloo-system/vo-0", "elsewhere/vo-0"] },
  RouteOption: { apiVersion: "gateway.solo.io/v1", keys: ["gloo-system/ro-0", "gloo-system/ro-1", "elsewhere/ro-0"] },
  Upstream: {
    apiVersion: "gloo.solo.io/v1",
    keys: ["gloo-system/us-0", "gloo-system/us-1", "gloo-system/us-2", "elsewhere/us-0"],
  },
  UpstreamGroup: { apiVersion: "gloo.solo.io/v1", keys: ["gloo-system/group", "elsewhere/group"] },
  Secret: { apiVersion: "gloo.solo.io/v1", keys: ["gloo-system/cert"] },
  Proxy: {
    apiVersion: "gloo.solo.io/v1",
    keys: ["gloo-system/stored", "gloo-system/gateway-proxy", "elsewhere/gateway-proxy"],
  },
};

/** There in one of `times`. */
export const seldom = <T>(arbitrary: fc.Arbitrary<T>, times = 4): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** Less what is undefined, which has no place in YAML. */
const present = (fields: object): Spec =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Of a resource of a kind that may be there, in the referring resource's namespace too, or of one that never is. */
const refTo = (kind: string): fc.Arbitrary<object> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(...(kinds[kind]?.keys ?? [])).map((key) => {
        const [namespace, name] = key.split("/");
        return { name, namespace };
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom(...(kinds[kind]?.keys ?? [])).map((key) => ({ name: key.split("/")[1] })) },
    { weight: 1, arbitrary: fc.constant({ name: "absent", namespace: "gloo-system" }) },
  );

const labels = fc
  .record({ team: fc.constantFrom("a", "b", undefined), tier: fc.constantFrom("1", "2", "x", undefined) })
  .map((all) => present(all) as Readonly<Record<string, string>>);
const someLabels = labels.filter((it) => Object.keys(it).length > 0);
const namespaces = fc.constantFrom<string[]>([], ["gloo-system"], ["elsewhere"], ["*"], ["elsewhere", "gloo-system"]);
const expression = fc
  .record({
    key: fc.constantFrom("team", "tier", "absent"),
    operator: fc.constantFrom(
      ...["Equals", "DoubleEquals", "NotEquals", "In", "NotIn", "Exists", "DoesNotExist", "GreaterThan", "LessThan"],
    ),
    values: fc.constantFrom(["a"], ["b", "a"], ["1"], ["2", "x"], []),
  })
  .map(({ key, operator, values }) => {
    if (operator.endsWith("Exist") || operator === "Exists") return { key, operator };
    return { key, operator, values: operator.endsWith("In") ? values : values.slice(0, 1) };
  });
const expressions = fc.array(expression, { minLength: 1, maxLength: 2 });

const values = fc.constantFrom({ version: "1" }, { version: "2" }, { blue: "1" });
const destination = fc
  .record({
    to: fc.oneof(
      { weight: 8, arbitrary: refTo("Upstream").map((upstream): object => ({ upstream })) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<object>(
          { consul: { serviceName: "svc" } },
          { consul: { serviceName: "svc", tags: ["blue"] } },
          {},
        ),
      },
      {
        weight: 1,
        arbitrary: fc
          .record({ name: fc.constantFrom("svc-0", "svc-1"), port: fc.constantFrom(80, 81) })
          .map(({ name, port }) => ({ kube: { ref: { name, namespace: "apps" }, port } })),
      },
    ),
    subset: seldom(
      values.map((chosen) => ({ values: chosen })),
      8,
    ),
  })
  .map(({ to, subset }) => ({ ...to, ...(subset !== undefined && { subset }) }));
const weighted = fc
  .array(fc.record({ destination, weight: fc.constantFrom(0, 1, 3) }), { minLength: 1, maxLength: 3 })
  .map((destinations) => ({ destinations }));
const action = fc.oneof(
  { weight: 12, arbitrary: destination.map((single): object => ({ routeAction: { single } })) },
  { weight: 2, arbitrary: weighted.map((multi) => ({ routeAction: { multi } })) },
  { weight: 2, arbitrary: refTo("UpstreamGroup").map((upstreamGroup) => ({ routeAction: { upstreamGroup } })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom("ok", "x".repeat(50)).map((body) => ({ directResponseAction: { status: 200, body } })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<object>(
      { routeAction: { clusterHeader: "x-cluster" } },
      { redirectAction: { hostRedirect: "other.test" } },
      { redirectAction: { hostRedirect: "a b" } },
      { directResponseAction: { status: 99 } },
      {},
    ),
  },
);
const delegation = fc
  .oneof(
    { weight: 3, arbitrary: refTo("RouteTable").map((ref): object => ({ ref })) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          namespaces,
          fc.oneof(
            someLabels.map((wanted): object => ({ labels: wanted })),
            expressions.map((wanted) => ({ expressions: wanted })),
            fc.constant({}),
          ),
        )
        .map(([among, wanted]) => ({ selector: { namespaces: among, ...wanted } })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<object>(
        { name: "rt-0", namespace: "gloo-system" },
        { selector: { labels: { team: "a" }, expressions: [{ key: "team", operator: "Exists" }] } },
        {},
      ),
    },
  )
  .map((delegateAction) => ({ delegateAction }));

const PREFIXES = ["/", "/a", "/a/b", "/a/b/c", "/z"] as const;
const prefix = fc.constantFrom(...PREFIXES);
const conditions = fc.constantFrom<object>(
  {},
  {},
  {},
  { headers: [{ name: "x", value: "y" }] },
  { methods: ["GET"] },
  { queryParameters: [{ name: "q", value: "1" }] },
);
// With a regex that is wrong now and then.
const path = fc.oneof(
  { weight: 8, arbitrary: prefix.map((it): object => ({ prefix: it })) },
  { weight: 1, arbitrary: prefix.map((it) => ({ exact: `${it}x` })) },
  { weight: 1, arbitrary: prefix.map((it) => ({ regex: `${it}.*` })) },
  { weight: 1, arbitrary: prefix.map((it) => ({ regex: `${it}(` })) },
);
const matcher = fc.tuple(path, conditions).map(([where, when]) => ({ ...where, ...when }));
const delegating = fc.tuple(prefix, conditions).map(([where, when]) => ({ prefix: where, ...when }));

const routeOptions = fc.constantFrom<object>(
  { prefixRewrite: "/new" },
  { timeout: "5s" },
  { headerManipulation: { requestHeadersToRemove: ["x"] } },
  { headerManipulation: { requestHeadersToAdd: [{ header: { key: "not a name", value: "v" } }] } },
  { jwtStaged: { afterExtAuth: { disable: false } } },
  { retries: { retryOn: "5xx", numRetries: 2 } },
);
const hostOptions = fc.constantFrom<object>(
  { headerManipulation: { responseHeadersToRemove: ["y"] } },
  { headerManipulation: { requestHeadersToAdd: [{ header: { key: "not a name", value: "v" } }] } },
  { retries: { retryOn: "5xx", numRetries: 2 } },
  { jwt: { providers: {} } },
);
const referred = (kind: string) =>
  seldom(
    fc.array(refTo(kind), { minLength: 1, maxLength: 2 }).map((delegateOptions) => ({ delegateOptions })),
    8,
  );

const route = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({
        matchers: fc.array(matcher, { maxLength: 2 }),
        name: seldom(fc.constantFrom("named", "other")),
        options: seldom(routeOptions),
        optionsConfigRefs: referred("RouteOption"),
        act: action,
      })
      .map(({ act, ...fields }): Spec => ({ ...present(fields), ...act })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        matchers: fc.oneof(
          { weight: 9, arbitrary: delegating.map((it): object[] => [it]) },
          { weight: 1, arbitrary: matcher.map((it) => [it, it]) },
        ),
        name: seldom(fc.constant("down")),
        options: seldom(routeOptions),
        optionsConfigRefs: referred("RouteOption"),
        inheritableMatchers: seldom(fc.boolean()),
        inheritablePathMatchers: seldom(fc.boolean()),
        act: delegation,
      })
      .map(({ act, ...fields }): Spec => ({ ...present(fields), ...act })),
  },
);
const plainRoute = route.filter((it) => !("delegateAction" in it) && !("optionsConfigRefs" in it));

const domains = fc.uniqueArray(
  fc.constantFrom(
    "a.test",
    "b.test",
    "B.test",
    "c.test",
    "*.test",
    "*.b.test",
    "a.*",
    "*",
    "a.test:80",
    "d.test",
    "e.test",
    "a/b",
  ),
  { maxLength: 3 },
);
const secretRef = fc.constantFrom({ name: "cert", namespace: "gloo-system" }, { name: "cert" }, { name: "absent" });

/** The specification of a resource, by kind. */
export const specs: Readonly<Record<string, fc.Arbitrary<Spec>>> = {
  Gateway: fc
    .record({
      bindAddress: fc.constantFrom("0.0.0.0", "0.0.0.0", "0.0.0.0", "127.0.0.1", "nowhere"),
      bindPort: fc.constantFrom(8080, 8080, 8080, 8080, 8081, 0),
      ssl: seldom(fc.constant(true), 10),
      proxyNames: fc.constantFrom(["gateway-proxy"], ["gateway-proxy", "other"], ["stored"], []),
      routeOptions: seldom(fc.constant({ maxDirectResponseBodySizeBytes: 10 })),
      type: fc.oneof(
        {
          weight: 6,
          arbitrary: fc
            .record({
              virtualServiceSelector: seldom(someLabels),
              virtualServiceExpressions: seldom(expressions.map((all) => ({ expressions: all }))),
              virtualServices: seldom(fc.array(refTo("VirtualService"), { minLength: 1, maxLength: 3 })),
              virtualServiceNamespaces: seldom(namespaces),
              options: seldom(
                fc.constantFrom<object>(
                  { httpConnectionManagerSettings: { serverName: "s" } },
                  { waf: { disabled: false } },
                ),
              ),
            })
            .map((fields): object => ({ httpGateway: present(fields) })),
        },
        { weight: 6, arbitrary: fc.constant({ httpGateway: {} }) },
        { weight: 1, arbitrary: fc.constantFrom<object>({ tcpGateway: {} }, {}) },
      ),
    })
    .map(({ type, ...fields }) => ({ ...present(fields), ...type })),
  VirtualService: fc
    .record({
      labels,
      domains,
      routes: fc.array(route, { maxLength: 4 }),
      options: seldom(hostOptions, 8),
      optionsConfigRefs: referred("VirtualHostOption"),
      sslConfig: seldom(
        secretRef.map((to) => ({ secretRef: to })),
        10,
      ),
    })
    .map(({ labels: own, sslConfig, ...virtualHost }) => ({
      labels: own,
      virtualHost: present(virtualHost),
      ...(sslConfig !== undefined && { sslConfig }),
    })),
  RouteTable: fc
    .record({ labels, routes: fc.array(route, { maxLength: 3 }), weight: seldom(fc.constantFrom(-1, 1, 2)) })
    .map(present),
  VirtualHostOption: hostOptions.map((options) => ({ options })),
  RouteOption: routeOptions.map((options) => ({ options })),
  Upstream: fc
    .record({
      type: fc.constantFrom<object>(
        { static: { hosts: [{ addr: "127.0.0.1", port: 1 }] } },
        {
          static: {
            hosts: [
              { addr: "127.0.0.1", port: 2 },
              { addr: "127.0.0.1", port: 3 },
            ],
          },
        },
        { static: { hosts: [{ addr: "127.0.0.1", port: 4 }] } },
        { static: { hosts: [{ addr: "127.0.0.1", port: 99_999 }] } },
        { consul: { serviceName: "svc" } },
        { consul: { serviceName: "other" } },
        { consul: { serviceName: "svc", subsetTags: ["blue"] } },
        { kube: { serviceName: "svc-0", serviceNamespace: "apps", servicePort: 80 } },
        { kube: { serviceName: "svc-1", serviceNamespace: "apps", servicePort: 81, selector: { app: "x" } } },
        {
          kube: {
            serviceName: "svc-0",
            serviceNamespace: "apps",
            servicePort: 80,
            subsetSpec: { selectors: [{ keys: ["version"] }] },
          },
        },
        {},
      ),
      sslConfig: seldom(
        secretRef.map((to) => ({ secretRef: to })),
        8,
      ),
      circuitBreakers: seldom(fc.constant({ maxConnections: 7 })),
    })
    .map(({ type, ...fields }) => ({ ...present(fields), ...type })),
  UpstreamGroup: weighted,
  Secret: fc.constantFrom<Spec>({ tls: {} }, { tls: { rootCa: "none" } }, { oauth: { clientSecret: "s" } }),
  Proxy: fc
    .record({
      labels: fc.constantFrom<Readonly<Record<string, string>>>({}, {}, { created_by: "gateway" }),
      listeners: fc.array(
        fc
          .record({
            bindAddress: fc.constantFrom("1.1.1.1", "0.0.0.0", "nowhere"),
            bindPort: fc.constantFrom(8080, 9000),
            virtualHosts: fc.array(
              fc
                .record({
                  name: fc.constantFrom("own", "more", ""),
                  domains,
                  routes: fc.array(plainRoute, { maxLength: 2 }),
                  options: seldom(hostOptions),
                })
                .map(present),
              { maxLength: 2 },
            ),
          })
          .map(({ virtualHosts, ...fields }) => ({ ...fields, httpListener: { virtualHosts } })),
        { maxLength: 2 },
      ),
    })
    .map(present),
};
