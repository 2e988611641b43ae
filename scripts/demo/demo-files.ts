import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface DemoPorts {
  /** Where Envoy serves. */
  readonly listener: number;
  readonly petstore: number;
}

/** The file that the demo asks to edit. */
export const virtualServiceFile = "config/virtualservices/gloo-system/default.yaml";

/** Writes the demo's data folder: Settings, a Gateway, an Upstream and a VirtualService. */
export async function writeDemoFiles(folder: string, ports: DemoPorts): Promise<void> {
  for (const [name, text] of Object.entries(demoFiles(ports))) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

const demoFiles = ({ listener, petstore }: DemoPorts): Readonly<Record<string, string>> => ({
  "gloo-system/default.yaml": `# Settings of the control plane.
metadata:
  name: default
  namespace: gloo-system
gloo:
  xdsBindAddr: 127.0.0.1:0
directoryConfigSource:
  directory: config
`,
  "config/gateways/gloo-system/gateway-proxy.yaml": `# Where Envoy listens.
metadata:
  name: gateway-proxy
  namespace: gloo-system
bindAddress: 127.0.0.1
bindPort: ${listener}
httpGateway: {}
proxyNames: [gateway-proxy]
`,
  "config/upstreams/gloo-system/petstore.yaml": `# Where requests can be sent to.
metadata:
  name: petstore
  namespace: gloo-system
static:
  hosts:
  - addr: 127.0.0.1
    port: ${petstore}
`,
  [virtualServiceFile]: `# Which requests go where. Try: change a path, add a route, or break the file.
metadata:
  name: default
  namespace: gloo-system
virtualHost:
  domains: ['*']
  routes:
  - matchers:
    - exact: /all-pets
    options:
      prefixRewrite: /api/pets
    routeAction:
      single:
        upstream:
          name: petstore
          namespace: gloo-system
  - matchers:
    - prefix: /api/pets
    routeAction:
      single:
        upstream:
          name: petstore
          namespace: gloo-system
  - matchers:
    - exact: /hello
    directResponseAction:
      status: 200
      body: Hello from Envoy
`,
});
