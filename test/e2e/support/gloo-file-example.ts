import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Writes files below a folder, making the folders on the way. */
export async function writeTree(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** The data folder of Gloo's docker-compose-file example, with the addresses of this machine. */
export function glooFileExample(ports: { readonly listener: number; readonly petstore: number }) {
  return {
    "gloo-system/default.yaml": `
metadata:
  name: default
  namespace: gloo-system
devMode: true
directoryArtifactSource: {directory: artifact}
directoryConfigSource: {directory: config}
directorySecretSource: {directory: secret}
discoveryNamespace: gloo-system
gloo: {xdsBindAddr: "127.0.0.1:0"}
refreshRate: 60s
watchNamespaces: [gloo-system]
`,
    "config/gateways/gloo-system/gw-proxy.yaml": `
bindAddress: '127.0.0.1'
bindPort: ${ports.listener}
httpGateway: {}
metadata:
  name: gateway-proxy
  namespace: gloo-system
proxyNames:
- gateway-proxy
`,
    "config/upstreams/gloo-system/petstore.yaml": `
metadata:
  name: petstore
  namespace: gloo-system
static:
  hosts:
  - addr: 127.0.0.1
    port: ${ports.petstore}
  serviceSpec:
    rest:
      swaggerInfo:
        url: http://127.0.0.1:${ports.petstore}/swagger.json
      transformations:
        addPet:
          body: {text: '{"id": {{ default(id, "") }},"name": "{{ default(name, "")}}","tag": "{{ default(tag, "")}}"}'}
          headers:
            :method: {text: POST}
            :path: {text: /api/pets}
            content-type: {text: application/json}
        findPetById:
          body: {}
          headers:
            :method: {text: GET}
            :path: {text: '/api/pets/{{ default(id, "") }}'}
            content-length: {text: "0"}
            content-type: {}
            transfer-encoding: {}
        findPets:
          body: {}
          headers:
            :method: {text: GET}
            :path: {text: '/api/pets?tags={{default(tags, "")}}&limit={{default(limit, "")}}'}
            content-length: {text: "0"}
            content-type: {}
            transfer-encoding: {}
`,
    "config/virtualservices/gloo-system/default.yaml": `
# The routes of the example.
metadata:
  name: default
  namespace: gloo-system
virtualHost:
  domains:
  - '*'
  routes:
  - matchers:
    - exact: /petstore
    options:
      prefixRewrite: /api/pets
    routeAction:
      single:
        upstream:
          name: petstore
          namespace: gloo-system
  - matchers:
    - prefix: /petstore/findPets
    routeAction:
      single:
        destinationSpec:
          rest:
            functionName: findPets
            parameters: {}
        upstream:
          name: petstore
          namespace: gloo-system
  - matchers:
    - prefix: /petstore/findWithId
    routeAction:
      single:
        destinationSpec:
          rest:
            functionName: findPetById
            parameters:
              headers:
                :path: /petstore/findWithId/{id}
        upstream:
          name: petstore
          namespace: gloo-system
`,
  } as const;
}
