import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Ports {
  /** Of the gateway. */
  readonly gateway: number;
  /** Of the backend that all upstreams lead to. */
  readonly backend: number;
}

export const domainOf = (index: number): string => `d${index}.example.com`;

/** The virtual service of one domain, which leads to its own upstream, asked for `path`. */
export const virtualService = (index: number, path: string): string => `metadata:
  name: vs-${index}
  namespace: gloo-system
virtualHost:
  domains: [${domainOf(index)}]
  routes:
  - matchers: [{prefix: /}]
    options: {prefixRewrite: ${path}}
    routeAction: {single: {upstream: {name: us-${index}, namespace: gloo-system}}}
`;

export const upstream = (index: number, port: number): string => `metadata:
  name: us-${index}
  namespace: gloo-system
static:
  hosts: [{addr: 127.0.0.1, port: ${port}}]
`;

export const gateway = (port: number): string => `metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
`;

/** @param more further fields of the Settings, as YAML lines */
export const settings = (more = ""): string => `metadata: {name: default, namespace: gloo-system}
discoveryNamespace: gloo-system
watchNamespaces: [gloo-system]
gloo: {xdsBindAddr: "127.0.0.1:0"}
${more}`;

export const filesSource = "directoryConfigSource: {directory: config}\n";

/** Path of a resource within the data folder. */
export const pathOf = (folder: string, plural: string, name: string): string =>
  join(folder, "config", plural, "gloo-system", `${name}.yaml`);

/** Writes a file as editors and tools do: to another name first. */
export function save(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** A data folder with a gateway and `n` virtual services, each with a domain and an upstream of its own. */
export function writeDataFolder(folder: string, n: number, ports: Ports): void {
  const files: [path: string, text: string][] = [
    [join(folder, "gloo-system", "default.yaml"), settings(filesSource)],
    [pathOf(folder, "gateways", "gateway-proxy"), gateway(ports.gateway)],
  ];
  for (let index = 0; index < n; index++) {
    files.push([pathOf(folder, "virtualservices", `vs-${index}`), virtualService(index, "/start")]);
    files.push([pathOf(folder, "upstreams", `us-${index}`), upstream(index, ports.backend)]);
  }
  for (const parent of new Set(files.map(([path]) => dirname(path)))) mkdirSync(parent, { recursive: true });
  for (const [path, text] of files) writeFileSync(path, text);
}
