import { describe, expect, test } from "vitest";
import { kubernetesEndpoints, needsPods, readEndpointSlice, readService } from "../../src/discovery/index.ts";
import { UpstreamSpec } from "../../generated/proto/epoxy/gloo/options/kubernetes/v1/kubernetes.ts";

type SliceObject = Parameters<typeof readEndpointSlice>[0];
type Endpoint = NonNullable<SliceObject["endpoints"]>[number];

const service = (spec: NonNullable<Parameters<typeof readService>[0]["spec"]> = {}) =>
  readService({
    metadata: { name: "pets", namespace: "default" },
    spec: { ports: [{ name: "http", port: 80 }], selector: { app: "pets" }, ...spec },
  });
const slice = (endpoints: readonly Endpoint[], more: Partial<SliceObject> = {}) => {
  const metadata = { name: "s", namespace: "default", labels: { "kubernetes.io/service-name": "pets" } };
  const found = readEndpointSlice({
    metadata,
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints,
    ...more,
  });
  if (found === undefined) throw new Error("no slice of a service");
  return found;
};
const pod = (name: string): Pick<Endpoint, "targetRef"> => ({ targetRef: { kind: "Pod", name, namespace: "default" } });
const spec = (more: Parameters<typeof UpstreamSpec.fromPartial>[0] = {}) =>
  UpstreamSpec.fromPartial({ serviceName: "pets", serviceNamespace: "default", servicePort: 80, ...more });
const endpoints = (
  slices: readonly ReturnType<typeof slice>[],
  options: {
    readonly spec?: ReturnType<typeof spec>;
    readonly service?: ReturnType<typeof service>;
    readonly pods?: Record<string, Record<string, string>>;
    readonly onlyIPv4?: boolean;
  } = {},
) =>
  kubernetesEndpoints(options.spec ?? spec(), {
    service: options.service ?? service(),
    slices,
    podLabels: (name) => options.pods?.[name],
    onlyIPv4: options.onlyIPv4 ?? false,
  });
const addresses = (...args: Parameters<typeof endpoints>) => endpoints(...args).map(({ address }) => address);

describe("readiness", () => {
  test("endpoints that are ready take requests, and those that don't say", () => {
    const slices = [
      slice([
        { addresses: ["10.0.0.1"], conditions: { ready: true } },
        { addresses: ["10.0.0.2"], conditions: { ready: false } },
        { addresses: ["10.0.0.3"] },
        { addresses: ["10.0.0.4"], conditions: { ready: false, serving: true, terminating: true } },
      ]),
    ];
    expect(addresses(slices)).toEqual(["10.0.0.1", "10.0.0.3"]);
  });

  test("where none is ready, those that end but still answer do", () => {
    const slices = [
      slice([
        { addresses: ["10.0.0.1"], conditions: { ready: false, serving: false, terminating: true } },
        { addresses: ["10.0.0.2"], conditions: { ready: false, serving: true, terminating: true } },
        { addresses: ["10.0.0.3"], conditions: { ready: false, serving: true, terminating: false } },
      ]),
    ];
    expect(addresses(slices)).toEqual(["10.0.0.2"]);
  });
});

describe("ports", () => {
  test("a port is found by its name, which may mean another number in each slice", () => {
    const two = service({
      ports: [
        { name: "http", port: 80 },
        { name: "admin", port: 81 },
      ],
    });
    const ports = (http: number) => ({
      ports: [
        { name: "admin", port: 9 },
        { name: "http", port: http },
      ],
    });
    const slices = [
      slice([{ addresses: ["10.0.0.1"] }], ports(8080)),
      slice([{ addresses: ["10.0.0.2"] }], ports(8081)),
    ];
    expect(endpoints(slices, { service: two })).toEqual([
      { address: "10.0.0.1", port: 8080 },
      { address: "10.0.0.2", port: 8081 },
    ]);
    expect(endpoints(slices, { service: two, spec: spec({ servicePort: 82 }) })).toEqual([]);
  });

  test("the only port needs no name", () => {
    const slices = [slice([{ addresses: ["10.0.0.1"] }], { ports: [{ port: 8080 }] })];
    expect(endpoints(slices)).toEqual([{ address: "10.0.0.1", port: 8080 }]);
  });

  test("pods of a headless service without ports are asked at the port that the Upstream names", () => {
    const slices = [slice([{ addresses: ["10.0.0.1"], hostname: "pets-0" }], { ports: [] })];
    const headless = service({ ports: [] });
    expect(endpoints(slices, { service: headless, spec: spec({ servicePort: 7000 }) })).toEqual([
      { address: "10.0.0.1", port: 7000, hostname: "pets-0" },
    ]);
  });
});

describe("address families", () => {
  const both = [
    slice([
      { addresses: ["10.0.0.1"], ...pod("a") },
      { addresses: ["10.0.0.2"], ...pod("b") },
    ]),
    slice([{ addresses: ["fd00::1"], ...pod("a") }], { addressType: "IPv6" }),
  ];

  test("a pod with addresses of both families is one endpoint, the service's first family first", () => {
    expect(endpoints(both)).toEqual([
      { address: "10.0.0.1", port: 8080, additionalAddresses: ["fd00::1"] },
      { address: "10.0.0.2", port: 8080 },
    ]);
    expect(endpoints(both, { service: service({ ipFamilies: ["IPv6", "IPv4"] }) })).toEqual([
      { address: "fd00::1", port: 8080, additionalAddresses: ["10.0.0.1"] },
    ]);
  });

  test("the other family is used where the first has nothing, unless the settings say IPv4 only", () => {
    const ipv6 = both.slice(1);
    expect(addresses(ipv6)).toEqual(["fd00::1"]);
    expect(addresses(ipv6, { onlyIPv4: true })).toEqual([]);
    expect(endpoints(both, { onlyIPv4: true })[0]).toEqual({ address: "10.0.0.1", port: 8080 });
  });

  test("names as addresses are left out, since Envoy resolves none of endpoints", () => {
    const object = { metadata: { labels: { "kubernetes.io/service-name": "pets" } }, addressType: "FQDN" };
    expect(readEndpointSlice(object)).toBeUndefined();
  });
});

test("zones come with the endpoints, and a pod in two slices is one", () => {
  const slices = [
    slice([{ addresses: ["10.0.0.1"], zone: "a" }]),
    slice([
      { addresses: ["10.0.0.1"], zone: "a" },
      { addresses: ["10.0.0.2"], zone: "b" },
    ]),
  ];
  expect(endpoints(slices)).toEqual([
    { address: "10.0.0.1", port: 8080, zone: "a" },
    { address: "10.0.0.2", port: 8080, zone: "b" },
  ]);
});

describe("selectors", () => {
  const slices = [
    slice([
      { addresses: ["10.0.0.1"], ...pod("a") },
      { addresses: ["10.0.0.2"], ...pod("b") },
    ]),
  ];
  const pods = {
    "default/a": { app: "pets", version: "v1" },
    "default/b": { app: "pets", version: "v2" },
  };

  test("what the service selects by already needs no look at pods", () => {
    expect(needsPods(spec({ selector: { app: "pets" } }), service())).toBe(false);
    expect(addresses(slices, { spec: spec({ selector: { app: "pets" } }) })).toEqual(["10.0.0.1", "10.0.0.2"]);
  });

  test("a further label leaves the pods that have it", () => {
    const chosen = spec({ selector: { app: "pets", version: "v2" } });
    expect(needsPods(chosen, service())).toBe(true);
    expect(addresses(slices, { spec: chosen, pods })).toEqual(["10.0.0.2"]);
  });

  test("labels that subsets choose by come with the endpoints", () => {
    const subsets = spec({ subsetSpec: { selectors: [{ keys: ["version"] }] } });
    expect(needsPods(subsets, service())).toBe(true);
    expect(endpoints(slices, { spec: subsets, pods }).map(({ labels }) => labels)).toEqual([
      { version: "v1" },
      { version: "v2" },
    ]);
  });
});
