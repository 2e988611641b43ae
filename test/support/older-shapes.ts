/** Objects of 2019, as they stand in a store that was never migrated. Only the ports are this machine's. */

/** A Proxy that a gateway of that time wrote: routes with one `matcher` and `routePlugins`, a numbered state, a status in snake case. */
export const olderProxy = (port: number): string => `apiVersion: gloo.solo.io/v1
kind: Proxy
metadata:
  clusterName: ""
  creationTimestamp: "2019-02-15T13:27:39Z"
  generation: 1
  labels: {created_by: gateway}
  name: gateway-proxy
  namespace: gloo-system
  resourceVersion: "5209108"
  selfLink: /apis/gloo.solo.io/v1/namespaces/gloo-system/proxies/gateway-proxy
  uid: 771377f2-3125-11e9-8523-42010aa800e0
spec:
  listeners:
  - bindAddress: '::'
    bindPort: ${port}
    httpListener:
      virtualHosts:
      - domains: ['*']
        name: gloo-system.default
        routes:
        - matcher: {exact: /petstore/findPet}
          routeAction:
            single:
              destinationSpec: {rest: {functionName: findPetById, parameters: {}}}
              upstream: {name: default-petstore-8080, namespace: gloo-system}
        - matcher: {exact: /sample-route-1}
          routeAction: {single: {upstream: {name: default-petstore-8080, namespace: gloo-system}}}
          routePlugins:
            prefixRewrite: {prefixRewrite: /api/pets}
    name: gateway
status: {reported_by: gloo, state: 1}
`;

const upstream = (type: string): string => `discoveryMetadata: {}
metadata:
  labels: {discovered_by: kubernetesplugin, service: petstore}
  name: default-petstore-8080
  namespace: gloo-system
status: {reportedBy: gloo, state: Accepted}
upstreamSpec:
${type}
    serviceSpec:
      rest:
        swaggerInfo: {url: 'http://petstore.default.svc.cluster.local:8080/swagger.json'}
        transformations:
          findPetById:
            body: {}
            headers:
              :method: {text: GET}
              :path: {text: '/api/pets/{{ default(id, "") }}'}
              content-length: {text: "0"}
              content-type: {}
              transfer-encoding: {}
`;

/** An Upstream of that time, its type under `upstreamSpec`. */
export const olderKubeUpstream = upstream(`  kube:
    selector: {app: petstore}
    serviceName: petstore
    serviceNamespace: default
    servicePort: 8080`);

/** The same, with addresses of its own. */
export const olderStaticUpstream = (port: number): string =>
  upstream(`  static:
    hosts: [{addr: 127.0.0.1, port: ${port}}]`);
