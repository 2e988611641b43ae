import { describe, expect, it } from "vitest";
import { parseResources, renderResource, resourceToJson } from "../../src/resources/index.ts";
import { olderKubeUpstream, olderProxy, olderStaticUpstream } from "../support/older-shapes.ts";
import { kindNamed } from "./support/sample.ts";

/** What is read from a text with one resource, in today's form. */
function read(kindName: string, text: string): unknown {
  const kind = kindNamed(kindName);
  const { documents, problems } = parseResources(kind, text, "text");
  expect(problems).toEqual([]);
  expect(documents).toHaveLength(1);
  const resource = documents[0]?.resource;
  const again = parseResources(kind, renderResource(kind, resource as never), "rendered");
  expect(again.documents[0]?.resource).toEqual(resource);
  return resourceToJson(kind, resource as never);
}

describe("objects of Gloo's older versions", () => {
  it("a Proxy of 2019 is read", () => {
    const upstream = { name: "default-petstore-8080", namespace: "gloo-system" };
    expect(read("Proxy", olderProxy(8080))).toMatchObject({
      metadata: { generation: "1", resourceVersion: "5209108", uid: "771377f2-3125-11e9-8523-42010aa800e0" },
      listeners: [
        {
          name: "gateway",
          bindAddress: "::",
          bindPort: 8080,
          httpListener: {
            virtualHosts: [
              {
                name: "gloo-system.default",
                domains: ["*"],
                routes: [
                  {
                    matchers: [{ exact: "/petstore/findPet" }],
                    routeAction: {
                      single: { upstream, destinationSpec: { rest: { functionName: "findPetById", parameters: {} } } },
                    },
                  },
                  {
                    matchers: [{ exact: "/sample-route-1" }],
                    options: { prefixRewrite: "/api/pets" },
                    routeAction: { single: { upstream } },
                  },
                ],
              },
            ],
          },
        },
      ],
      status: { state: "Accepted", reportedBy: "gloo" },
    });
  });

  it.each([
    ["kube", olderKubeUpstream],
    ["static", olderStaticUpstream(8080)],
  ])("an Upstream of 2019 with %s under upstreamSpec is read", (type, text) => {
    expect(read("Upstream", text)).toMatchObject({
      discoveryMetadata: {},
      [type]: {
        serviceSpec: {
          rest: {
            transformations: {
              findPetById: { body: {}, headers: { ":method": { text: "GET" }, "content-type": {} } },
            },
          },
        },
      },
      status: { state: "Accepted", reportedBy: "gloo" },
    });
  });
});

describe("the files of Gloo's examples", () => {
  it("Settings of the Consul example are read", () => {
    const text = `metadata: {name: default, namespace: gloo-system}
discoveryNamespace: gloo-system
refreshRate: 15s
gloo:
  xdsBindAddr: 0.0.0.0:9977
consul: {address: "consul:8500", serviceDiscovery: {}}
consulKvSource: {}
consulKvArtifactSource: {}
vaultSecretSource: {address: "http://vault:8200", token: root}
`;
    expect(read("Settings", text)).toMatchObject({
      refreshRate: "15s",
      consulKvSource: {},
      consul: { serviceDiscovery: {} },
    });
  });

  it("Settings of the file example are read", () => {
    const text = `metadata: {name: default, namespace: gloo-system}
devMode: true
directoryConfigSource: {directory: /data/config}
directorySecretSource: {directory: /data/secret}
directoryArtifactSource: {directory: /data/artifact}
refreshRate: 60s
watchNamespaces: [gloo-system]
gloo: {xdsBindAddr: "0.0.0.0:9977"}
gateway: {persistProxySpec: true}
`;
    expect(read("Settings", text)).toMatchObject({ directoryConfigSource: { directory: "/data/config" } });
  });

  it("the Gateway that the guide puts into Consul is read", () => {
    const text = `metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: '::'
bindPort: 8080
httpGateway: {}
proxyNames: [gateway-proxy]
ssl: false
useProxyProto: false
`;
    expect(read("Gateway", text)).toMatchObject({ bindPort: 8080, httpGateway: {}, useProxyProto: false });
  });

  it("the Upstream and the VirtualService of the file example are read", () => {
    const upstream = `metadata: {name: petstore, namespace: gloo-system}
static:
  hosts: [{addr: petstore, port: 8080}]
  serviceSpec:
    rest:
      transformations:
        findPetById:
          body: {}
          headers:
            :method: {text: GET}
            :path: {text: '/api/pets/{{ default(id, "") }}'}
`;
    expect(read("Upstream", upstream)).toMatchObject({ static: { hosts: [{ addr: "petstore", port: 8080 }] } });
    const virtualService = `metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes:
  - matchers: [{exact: /petstore}]
    options: {prefixRewrite: /api/pets}
    routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}
  - matchers: [{prefix: /petstore/findWithId}]
    routeAction:
      single:
        upstream: {name: petstore, namespace: gloo-system}
        destinationSpec:
          rest:
            functionName: findPetById
            parameters: {headers: {":path": '/petstore/findWithId/{id}'}}
`;
    expect(read("VirtualService", virtualService)).toMatchObject({
      virtualHost: {
        routes: [{ options: { prefixRewrite: "/api/pets" } }, { matchers: [{ prefix: "/petstore/findWithId" }] }],
      },
    });
  });

  it("a VirtualService with the status that Gloo 1.2 wrote is read", () => {
    const text = `metadata: {name: default, namespace: gloo-system}
virtualHost: {domains: ['*']}
status:
  reportedBy: gateway
  state: Accepted
  subresourceStatuses:
    '*v1.Proxy.gloo-system.gateway-proxy': {reportedBy: gloo, state: Accepted}
`;
    expect(read("VirtualService", text)).toMatchObject({
      status: { subresourceStatuses: { "*v1.Proxy.gloo-system.gateway-proxy": { state: "Accepted" } } },
    });
  });
});
