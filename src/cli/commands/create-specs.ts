import { type Command, defineCommand, type Run } from "../command.ts";
import type { OptionTable } from "../option.ts";
import { interactive, interactiveOption, nameQuestion } from "../interactive.ts";
import { writeOptions } from "../options.ts";

const serviceSpec = {
  "service-spec-type": { type: "text", value: "TYPE", choices: ["rest", "grpc"], help: "what the service speaks" },
} as const satisfies OptionTable;

export const staticUpstreamOptions = {
  "static-hosts": { type: "list", value: "HOST:PORT", help: "addresses of the service; the port may be left out: 80" },
  "static-outbound-tls": { type: "flag", help: "connect by TLS" },
  ...serviceSpec,
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const consulUpstreamOptions = {
  "consul-service": { type: "text", value: "NAME", help: "name of the service in Consul" },
  "consul-service-tags": { type: "list", value: "TAG", help: "only instances with all of these tags" },
  ...serviceSpec,
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const kubeUpstreamOptions = {
  "kube-service": { type: "text", value: "NAME", help: "name of the Kubernetes Service" },
  "kube-service-namespace": { type: "text", value: "NAMESPACE", default: "default", help: "namespace of the Service" },
  "kube-service-port": { type: "integer", value: "PORT", default: 80, help: "port of the Service, not of its pods" },
  "kube-service-labels": { type: "list", value: "NAME=VALUE", help: "only pods with all of these labels" },
  ...serviceSpec,
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const pipeUpstreamOptions = {
  "pipe-path": { type: "text", value: "PATH", help: "path of the Unix socket on the proxy's host" },
  ...serviceSpec,
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const upstreamGroupOptions = {
  "weighted-upstreams": {
    type: "list",
    value: "NAMESPACE.NAME=WEIGHT",
    help: "upstreams, and the share of the requests that each gets",
  },
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const virtualServiceOptions = {
  domains: { type: "list", value: "DOMAIN", help: "domains to serve (default *)" },
  "display-name": { type: "text", value: "TEXT", help: "name to show to people" },
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const routeTableOptions = {
  weight: {
    type: "integer",
    value: "N",
    help: "place among the route tables that one selector finds: the lowest weight comes first (default 0)",
  },
  labels: { type: "list", value: "NAME=VALUE", help: "labels, by which routes can select the table" },
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

export const tlsSecretOptions = {
  certchain: {
    type: "text",
    value: "FILE",
    help: "certificate, then those of the authorities between it and the root, in PEM",
  },
  privatekey: { type: "text", value: "FILE", help: "key of the certificate, in PEM" },
  rootca: { type: "text", value: "FILE", help: "certificate of the authority that peers are checked against, in PEM" },
  ocspstaple: { type: "text", value: "FILE", help: "OCSP response to hand to clients, in DER" },
  ...writeOptions,
} as const satisfies OptionTable;

export const apiKeySecretOptions = {
  apikey: { type: "text", value: "KEY", help: "the key" },
  "apikey-generate": { type: "flag", help: "make a random key" },
  "apikey-labels": { type: "list", value: "NAME=VALUE", help: "labels to select the key by" },
  ...writeOptions,
} as const satisfies OptionTable;

export const credentialsSecretOptions = {
  username: { type: "text", value: "NAME", help: "name of the account" },
  password: { type: "text", value: "TEXT", help: "its password" },
  ...writeOptions,
} as const satisfies OptionTable;

export const awsSecretOptions = {
  "access-key": { type: "text", value: "ID", help: "access key ID" },
  "secret-key": { type: "text", value: "KEY", help: "secret access key" },
  "session-token": { type: "text", value: "TOKEN", help: "session token of temporary credentials" },
  ...writeOptions,
} as const satisfies OptionTable;

export const azureSecretOptions = {
  "api-keys": { type: "list", value: "NAME=KEY", help: "keys of a function app, by name" },
  ...writeOptions,
} as const satisfies OptionTable;

export const encryptionKeySecretOptions = {
  key: { type: "text", value: "KEY", help: "the key: 32 bytes, for AES-256" },
  ...writeOptions,
} as const satisfies OptionTable;

export const headerSecretOptions = {
  headers: { type: "list", value: "NAME=VALUE", help: "headers with secret values" },
  ...writeOptions,
} as const satisfies OptionTable;

export const oauthSecretOptions = {
  "client-secret": { type: "text", value: "TEXT", help: "secret of the client" },
  ...writeOptions,
} as const satisfies OptionTable;

/** A command that creates one resource, whose name may stand behind it. */
const creating = <T extends OptionTable>(
  name: string,
  summary: string,
  options: T,
  load: () => Promise<Run<T>>,
  example: string,
  aliases: readonly string[] = [],
): Command =>
  defineCommand({
    name,
    aliases,
    summary,
    arguments: [{ name: "NAME" }],
    options,
    usesStorage: true,
    load,
    examples: [{ does: "For example", command: example }],
  });

const createUpstream: Command = defineCommand({
  name: "upstream",
  aliases: ["us", "upstreams"],
  summary: "creates an upstream, which requests can be sent to",
  commands: [
    creating(
      "static",
      "creates an upstream of fixed addresses",
      staticUpstreamOptions,
      async () =>
        interactive(
          staticUpstreamOptions,
          [
            nameQuestion,
            { option: "static-hosts", text: "Addresses (HOST:PORT, with commas between them)", required: true },
          ],
          (await import("./create-upstream.ts")).createStaticUpstream,
        ),
      "epoxy create upstream static petstore --static-hosts 10.0.0.1:8080,10.0.0.2:8080",
    ),
    creating(
      "consul",
      "creates an upstream of a service in Consul",
      consulUpstreamOptions,
      async () =>
        interactive(
          consulUpstreamOptions,
          [
            nameQuestion,
            { option: "consul-service", text: "Service in Consul", required: true },
            { option: "consul-service-tags", text: "Only instances with these tags (empty: all)" },
          ],
          (await import("./create-upstream.ts")).createConsulUpstream,
        ),
      "epoxy create upstream consul petstore --consul-service petstore",
    ),
    creating(
      "kube",
      "creates an upstream of a Service in Kubernetes",
      kubeUpstreamOptions,
      async () =>
        interactive(
          kubeUpstreamOptions,
          [
            nameQuestion,
            { option: "kube-service", text: "Service in Kubernetes", required: true },
            { option: "kube-service-namespace", text: "Its namespace", fallback: "default" },
            { option: "kube-service-port", text: "Its port", fallback: "80" },
          ],
          (await import("./create-upstream.ts")).createKubeUpstream,
        ),
      "epoxy create upstream kube petstore --kube-service petstore --kube-service-port 8080",
    ),
    creating(
      "pipe",
      "creates an upstream behind a Unix socket",
      pipeUpstreamOptions,
      async () =>
        interactive(
          pipeUpstreamOptions,
          [nameQuestion, { option: "pipe-path", text: "Path of the Unix socket on the proxy's host", required: true }],
          (await import("./create-upstream.ts")).createPipeUpstream,
        ),
      "epoxy create upstream pipe local --pipe-path /run/app.sock",
    ),
  ],
});

const createSecret: Command = defineCommand({
  name: "secret",
  aliases: ["secrets"],
  summary: "creates a secret",
  description: [
    "Values on a command line can be seen by other users of the machine and stay in the shell's history: `epoxy create -f -` reads secrets from stdin.",
  ],
  commands: [
    creating(
      "tls",
      "creates a certificate with its key, or an authority's certificate",
      tlsSecretOptions,
      async () => (await import("./create-secret.ts")).createTlsSecret,
      "epoxy create secret tls shop --certchain shop.pem --privatekey shop.key",
    ),
    creating(
      "apikey",
      "creates an API key of a client",
      apiKeySecretOptions,
      async () => (await import("./create-secret.ts")).createApiKeySecret,
      "epoxy create secret apikey infra-key --apikey-generate --apikey-labels team=infra",
    ),
    creating(
      "authcredentials",
      "creates a user name and password",
      credentialsSecretOptions,
      async () => (await import("./create-secret.ts")).createCredentialsSecret,
      "epoxy create secret authcredentials ldap --username admin --password ...",
    ),
    creating(
      "aws",
      "creates credentials for AWS",
      awsSecretOptions,
      async () => (await import("./create-secret.ts")).createAwsSecret,
      "epoxy create secret aws lambda --access-key ... --secret-key ...",
    ),
    creating(
      "azure",
      "creates keys of an Azure function app",
      azureSecretOptions,
      async () => (await import("./create-secret.ts")).createAzureSecret,
      "epoxy create secret azure functions --api-keys _master=...",
    ),
    creating(
      "encryptionkey",
      "creates a key for encryption",
      encryptionKeySecretOptions,
      async () => (await import("./create-secret.ts")).createEncryptionKeySecret,
      "epoxy create secret encryptionkey sessions --key ...",
    ),
    creating(
      "header",
      "creates headers with secret values",
      headerSecretOptions,
      async () => (await import("./create-secret.ts")).createHeaderSecret,
      "epoxy create secret header backend --headers authorization=...",
    ),
    creating(
      "oauth",
      "creates the secret of an OAuth client",
      oauthSecretOptions,
      async () => (await import("./create-secret.ts")).createOauthSecret,
      "epoxy create secret oauth login --client-secret ...",
    ),
  ],
});

export const createOptions = {
  file: { type: "text", value: "FILE", short: "f", help: "create all resources in this YAML or JSON file; - is stdin" },
  ...writeOptions,
} as const satisfies OptionTable;

export const createCommand: Command = defineCommand({
  name: "create",
  aliases: ["c"],
  summary: "creates resources",
  description: [
    "From a file, each document must say its apiVersion and kind. All documents are read and checked before the first is written. What exists already is left as it is and reported.",
  ],
  options: createOptions,
  usesStorage: true,
  load: async () => (await import("./create-from-file.ts")).createFromFile,
  commands: [
    createUpstream,
    creating(
      "upstreamgroup",
      "creates an upstream group, which spreads requests by weight",
      upstreamGroupOptions,
      async () =>
        interactive(
          upstreamGroupOptions,
          [
            nameQuestion,
            {
              option: "weighted-upstreams",
              text: "Upstreams (NAMESPACE.NAME=WEIGHT, with commas between them)",
              required: true,
            },
          ],
          (await import("./create-upstream.ts")).createUpstreamGroup,
        ),
      "epoxy create upstreamgroup canary --weighted-upstreams gloo-system.v1=9,gloo-system.v2=1",
      ["ug", "upstreamgroups"],
    ),
    creating(
      "virtualservice",
      "creates a virtual service without routes",
      virtualServiceOptions,
      async () =>
        interactive(
          virtualServiceOptions,
          [
            nameQuestion,
            { option: "domains", text: "Domains, with commas between them", fallback: "*" },
            { option: "display-name", text: "Name to show to people (empty: none)" },
          ],
          (await import("./create-virtual-service.ts")).createVirtualService,
        ),
      "epoxy create virtualservice shop --domains shop.example.com",
      ["vs", "virtualservices"],
    ),
    creating(
      "routetable",
      "creates a route table without routes, which virtual services can delegate to",
      routeTableOptions,
      async () =>
        interactive(
          routeTableOptions,
          [
            nameQuestion,
            { option: "labels", text: "Labels (NAME=VALUE, with commas between them; empty: none)" },
            { option: "weight", text: "Place among the tables that one selector finds, lowest first", fallback: "0" },
          ],
          (await import("./create-virtual-service.ts")).createRouteTable,
        ),
      "epoxy create routetable docs --labels team=docs",
      ["rt", "routetables"],
    ),
    createSecret,
  ],
  examples: [
    { does: "Create what a file holds", command: "epoxy create -f petstore.yaml" },
    { does: "Create an upstream", command: "epoxy create upstream static petstore --static-hosts 127.0.0.1:8080" },
  ],
});
