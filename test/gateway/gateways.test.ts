import { describe, expect, it } from "vitest";
import { gatewayRig } from "./support/gateway-rig.ts";

const virtualService = (name: string, spec: string, metadata = "") => `
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: ${name}${metadata}}
spec: ${spec}
`;
const gateway = (name: string, spec: string) => `
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: ${name}}
spec: ${spec}
`;
const answer = (domains: string) =>
  `{virtualHost: {domains: [${domains}], routes: [{directResponseAction: {status: 200, body: hi}}]}}`;

describe("gateways", () => {
  it("are there by default on port 8080 once somebody has a virtual service", () => {
    const rig = gatewayRig();
    expect(rig.listeners()).toEqual([]);
    rig.apply(virtualService("default", answer("'*'")));
    expect(rig.listeners()).toEqual(["listener-::-8080"]);
    expect(rig.virtualHosts().map(({ name, domains }) => [name, domains])).toEqual([["gloo-system.default", ["*"]]]);
  });

  it("replace the default one when stored, and open no listener without a virtual service", () => {
    const rig = gatewayRig();
    rig.apply(gateway("public", "{bindAddress: 127.0.0.1, bindPort: 8000, httpGateway: {}}"));
    expect(rig.listeners()).toEqual([]);
    rig.apply(virtualService("default", answer("a.com")));
    expect(rig.listeners()).toEqual(["listener-127.0.0.1-8000"]);
  });

  it("that serve nothing are handed on all the same, so that what is wrong with them is said", () => {
    const rig = gatewayRig();
    rig.apply(gateway("public", "{bindAddress: '::', bindPort: 8000, useProxyProto: true, httpGateway: {}}"));
    expect(rig.listeners()).toEqual([]);
    expect(rig.outputs.idleListeners.list().map(({ listener }) => listener?.useProxyProto)).toEqual([true]);
    rig.apply(virtualService("default", answer("a.com")));
    expect(rig.outputs.idleListeners.list()).toEqual([]);
  });

  it("open an empty listener where the settings ask for it", () => {
    const rig = gatewayRig({ translateEmptyGateways: true });
    rig.apply(gateway("public", "{bindAddress: '::', bindPort: 8000, httpGateway: {}}"));
    expect(rig.listeners()).toEqual(["listener-::-8000"]);
  });

  it("are read from the write namespace only, unless the settings say otherwise", () => {
    const elsewhere = gateway("public", "{bindAddress: '::', bindPort: 8000, httpGateway: {}}").replace(
      "name: public",
      "name: public, namespace: elsewhere",
    );
    for (const [everywhere, listeners] of [
      [false, ["listener-::-8080"]],
      [true, ["listener-::-8000"]],
    ] as const) {
      const rig = gatewayRig({ readGatewaysFromAllNamespaces: everywhere });
      rig.apply(elsewhere + virtualService("default", answer("'*'")));
      expect(rig.listeners()).toEqual(listeners);
    }
  });

  it("select virtual services by expression before label before reference", () => {
    const all =
      virtualService("red", answer("red.com"), ", labels: {color: red}") +
      virtualService("blue", answer("blue.com"), ", labels: {color: blue}") +
      virtualService("plain", answer("plain.com"));
    const served = (http: string) => {
      const rig = gatewayRig();
      rig.apply(all + gateway("public", `{bindAddress: '::', bindPort: 80, httpGateway: ${http}}`));
      return rig.virtualHosts().map(({ name }) => name.replace("gloo-system.", ""));
    };
    expect(served("{}")).toEqual(["blue", "plain", "red"]);
    expect(served("{virtualServices: [{name: plain, namespace: gloo-system}]}")).toEqual(["plain"]);
    expect(
      served("{virtualServiceSelector: {color: red}, virtualServices: [{name: plain, namespace: gloo-system}]}"),
    ).toEqual(["red"]);
    expect(
      served(
        "{virtualServiceSelector: {color: red}, virtualServiceExpressions: {expressions: [{key: color, operator: NotEquals, values: [red]}]}}",
      ),
    ).toEqual(["blue", "plain"]);
    expect(served("{virtualServiceNamespaces: [elsewhere]}")).toEqual([]);
  });

  it("are Rejected when they name a virtual service that isn't there", () => {
    const rig = gatewayRig();
    rig.apply(
      gateway(
        "public",
        "{bindPort: 80, bindAddress: '::', httpGateway: {virtualServices: [{name: gone, namespace: gloo-system}]}}",
      ),
    );
    expect(rig.report()).toEqual(["error Gateway public: virtual service gloo-system.gone not found"]);
  });

  it("are Rejected without a type, in Gloo's words", () => {
    const rig = gatewayRig();
    rig.apply(gateway("public", "{bindPort: 80}"));
    expect(rig.report()).toEqual(["error Gateway public: invalid gateway: gateway must contain gatewayType"]);
  });

  it("contend for an address: the first keeps it, and both are told", () => {
    const rig = gatewayRig();
    rig.apply(
      virtualService("default", answer("'*'")) + gateway("b", "{bindAddress: '::', bindPort: 80, httpGateway: {}}"),
    );
    const before = rig.outputs.listeners.list()[0]?.owner?.ref?.name;
    rig.apply(gateway("a", "{bindAddress: '::', bindPort: 80, httpGateway: {}}"));
    expect(rig.outputs.listeners.list().map(({ owner }) => owner?.ref?.name)).toEqual([before]);
    expect(before).toBe("b");
    expect(rig.report()).toEqual([
      "error Gateway a: bind address not unique: :::80 of proxy gateway-proxy is also claimed by gloo-system.b",
      "error Gateway b: bind address not unique: :::80 of proxy gateway-proxy is also claimed by gloo-system.a",
    ]);
  });
});

describe("domains", () => {
  it("stay with the virtual service that serves them; both claimants are told, and the newcomer keeps its others", () => {
    const rig = gatewayRig();
    rig.apply(virtualService("old", answer("a.com")));
    rig.apply(virtualService("new", answer("A.com, b.com")));
    expect(rig.virtualHosts().map(({ name, domains }) => `${name} ${domains.join(" ")}`)).toEqual([
      "gloo-system.new b.com",
      "gloo-system.old a.com",
    ]);
    const text = (other: string) =>
      `domain conflict: the [a.com] domain is present in other virtual services that belong to the same Gateway as this one: [${other}]`;
    expect(rig.report().filter((line) => line.includes("VirtualService"))).toEqual([
      `error VirtualService new: ${text("gloo-system.old")}`,
      `error VirtualService old: ${text("gloo-system.new")}`,
    ]);
  });

  it("go to the other claimant when the owner gives them up", () => {
    const rig = gatewayRig();
    rig.apply(virtualService("old", answer("a.com")));
    rig.apply(virtualService("new", answer("a.com")));
    rig.remove("VirtualService", "old");
    expect(rig.virtualHosts().map(({ name }) => name)).toEqual(["gloo-system.new"]);
    expect(rig.report()).toEqual([]);
  });
});

describe("a virtual service", () => {
  it("with sslConfig answers 503 on an ssl gateway for now, and isn't served on a plain one", () => {
    const rig = gatewayRig();
    rig.apply(
      gateway("tls", "{ssl: true, bindAddress: '::', bindPort: 8443, httpGateway: {}}") +
        gateway("plain", "{bindAddress: '::', bindPort: 8080, httpGateway: {}}") +
        virtualService(
          "secure",
          "{sslConfig: {secretRef: {name: cert, namespace: gloo-system}}, virtualHost: {routes: [{directResponseAction: {status: 200}}]}}",
        ),
    );
    expect(rig.listeners()).toEqual(["listener-::-8443"]);
    const routes = rig.virtualHost("gloo-system.secure").routes;
    expect(routes.map(({ action }) => action?.$case === "directResponseAction" && action.value.status)).toEqual([503]);
    expect(rig.report()).toEqual([
      "warning Gateway tls: TLS is not supported yet: the listener is plain, and its virtual services answer 503",
      "warning VirtualService secure: sslConfig is not supported yet: all routes answer 503 rather than be served without TLS",
    ]);
  });

  it("runs no translation but its own when it is edited", () => {
    const rig = gatewayRig();
    rig.apply(virtualService("a", answer("a.com")) + virtualService("b", answer("b.com")));
    const [a, b] = rig.outputs.virtualHosts.list();
    rig.apply(virtualService("b", answer("b.com").replace("hi", "changed")));
    const [sameA, newB] = rig.outputs.virtualHosts.list();
    expect(sameA).toBe(a);
    expect(newB).not.toBe(b);
  });
});

const storedProxy = (labels: string) => `
---
apiVersion: gloo.solo.io/v1
kind: Proxy
metadata: {name: gateway-proxy, labels: {${labels}}}
spec:
  listeners:
  - name: mine
    bindAddress: '::'
    bindPort: 9000
    httpListener:
      virtualHosts:
      - {name: stored, domains: ['*'], routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}
`;

describe("a stored Proxy", () => {
  it("is served as it stands while no gateway with a virtual service wants its name", () => {
    const rig = gatewayRig();
    rig.apply(storedProxy("created_by: gateway"));
    expect(rig.listeners()).toEqual(["listener-::-9000"]);
    expect(rig.virtualHosts().map(({ name }) => name)).toEqual(["stored"]);
  });

  it("that gateways made is replaced when they produce its name again", () => {
    const rig = gatewayRig();
    rig.apply(storedProxy("created_by: gateway") + virtualService("default", answer("'*'")));
    expect(rig.listeners()).toEqual(["listener-::-8080"]);
    expect(rig.virtualHosts().map(({ name }) => name)).toEqual(["gloo-system.default"]);
    rig.remove("VirtualService", "default");
    expect(rig.listeners()).toEqual(["listener-::-9000"]);
  });

  it("that somebody else made stays, and the gateway is Rejected and names it", () => {
    const rig = gatewayRig();
    rig.apply(
      storedProxy("") +
        virtualService("default", answer("'*'")) +
        gateway("public", "{bindAddress: '::', bindPort: 8080, httpGateway: {}}"),
    );
    expect(rig.listeners()).toEqual(["listener-::-9000"]);
    expect(rig.report()).toEqual([
      "error Gateway public: proxy conflict: a Proxy gloo-system.gateway-proxy that no gateway made is stored and stays in force; delete it, or choose another of proxyNames",
    ]);
  });
});
