import { expect, it } from "vitest";
import { createChain } from "./support/chain.ts";

const document = (group: string, kind: string, name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name, namespace: "gloo-system" }, spec })}\n---\n`;
const upstream = (service: string): string =>
  document("gloo.solo.io", "Upstream", service, {
    kube: { serviceName: service, serviceNamespace: "apps", servicePort: 80 },
  });
const service = (name: string, externalName?: string) => ({
  ...{ ref: { name, namespace: "apps" }, externalName, selector: {}, prefersIPv6: false, labels: {}, annotations: {} },
  ports: [{ port: 80, name: "http", appProtocol: "" }],
});

it("upstreams and routes say why Kubernetes can't be read, those too whose service is known, and no others", () => {
  const chain = createChain({}, undefined, undefined, true, { whole: true });
  const reasonOf = (kind: string, name: string): string =>
    chain.statuses.get(kind)?.get(`gloo-system/${name}`)?.status.reason ?? "";
  const direct = { single: { kube: { ref: { name: "known", namespace: "apps" }, port: 80 } } };
  chain.kubernetes?.services.set("apps/known", service("known"));
  chain.kubernetes?.services.set("apps/elsewhere", service("elsewhere", "shop.test"));
  chain.kubernetes?.unread.set("endpointslices are forbidden");
  chain.apply(
    upstream("known") +
      upstream("unknown") +
      upstream("elsewhere") +
      document("gateway.solo.io", "Gateway", "gateway", { bindPort: 8080, httpGateway: {} }) +
      document("gateway.solo.io", "VirtualService", "direct", {
        virtualHost: { domains: ["*"], routes: [{ matchers: [{ prefix: "/" }], routeAction: direct }] },
      }),
  );
  const why = /waits for the services of Kubernetes, which can't be read: endpointslices are forbidden/;
  expect(reasonOf("Upstream", "known")).toMatch(why);
  expect(reasonOf("Upstream", "unknown")).toMatch(why);
  expect(reasonOf("VirtualService", "direct")).toMatch(why);
  expect(reasonOf("Upstream", "elsewhere")).toBe("");
  chain.kubernetes?.unread.set(undefined);
  chain.graph.flush();
  expect(reasonOf("Upstream", "known")).toBe("");
  expect(reasonOf("VirtualService", "direct")).toBe("");
  expect(reasonOf("Upstream", "unknown")).toContain("does not exist");
});
