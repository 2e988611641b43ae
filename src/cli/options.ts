import type { OptionTable } from "./option.ts";

/** Where resources are; of every command that reads or writes them. */
export const storageOptions = {
  dir: {
    type: "text",
    value: "DIR",
    env: "EPOXY_DIR",
    help: "folder of `epoxy serve`, whose Settings say where the resources are, or a plain folder of resources (default ./data)",
  },
  "use-consul": { type: "flag", help: "the resources are in Consul" },
  "consul-address": {
    type: "text",
    value: "HOST:PORT",
    env: "CONSUL_HTTP_ADDR",
    help: "address of Consul (default 127.0.0.1:8500)",
  },
  "consul-scheme": {
    type: "text",
    value: "SCHEME",
    choices: ["http", "https"],
    help: "how to talk to Consul, by default http",
  },
  "consul-datacenter": { type: "text", value: "NAME", help: "data center (default: that of the agent)" },
  "consul-root-key": { type: "text", value: "KEY", help: "first part of all keys (default gloo)" },
  "consul-token": { type: "text", value: "TOKEN", env: "CONSUL_HTTP_TOKEN", help: "ACL token" },
  "consul-allow-stale-reads": { type: "flag", help: "let any server answer, not only the leader" },
  "consul-ca-cert": {
    type: "text",
    value: "FILE",
    env: "CONSUL_CACERT",
    help: "certificate of Consul's authority, in PEM",
  },
  "consul-client-cert": {
    type: "text",
    value: "FILE",
    env: "CONSUL_CLIENT_CERT",
    help: "certificate to show to Consul",
  },
  "consul-client-key": { type: "text", value: "FILE", env: "CONSUL_CLIENT_KEY", help: "key of that certificate" },
  "use-kubernetes": { type: "flag", help: "the resources are in Kubernetes, secrets and Settings included" },
  kubeconfig: {
    type: "text",
    value: "FILE",
    help: "kubeconfig (default: KUBECONFIG, ~/.kube/config, or the Pod's account)",
  },
  "kube-context": { type: "text", value: "NAME", help: "context of the kubeconfig (default: its current one)" },
  "use-vault": { type: "flag", help: "secrets are in Vault, whatever the Settings say" },
  "vault-address": {
    type: "text",
    value: "URL",
    help: "address of Vault (default: the Settings', VAULT_ADDR, https://127.0.0.1:8200)",
  },
  "vault-token": {
    type: "text",
    value: "TOKEN",
    help: "token for Vault (default: as the Settings log in, VAULT_TOKEN)",
  },
  "vault-root-key": { type: "text", value: "KEY", help: "first part of all keys in Vault (default gloo)" },
  "vault-path-prefix": {
    type: "text",
    value: "MOUNT",
    help: "where Vault's key-value engine is mounted (default secret)",
  },
  "vault-ca-cert": { type: "text", value: "FILE", help: "certificate of Vault's authority, in PEM" },
  "vault-ca-path": { type: "text", value: "DIR", help: "folder of authorities' certificates for Vault" },
  "vault-client-cert": { type: "text", value: "FILE", help: "certificate to show to Vault" },
  "vault-client-key": { type: "text", value: "FILE", help: "key of that certificate" },
  "vault-tls-insecure": { type: "flag", help: "don't check Vault's certificate" },
  "vault-tls-server-name": { type: "text", value: "NAME", help: "name that Vault's certificate must be for" },
} as const satisfies OptionTable;

/** Options of all commands, wherever they stand on the line; those that don't matter to a command are passed over. */
export const globalOptions = {
  help: { type: "flag", short: "h", help: "show this help" },
  json: { type: "flag", help: "print JSON: results on stdout (as -o json), errors on stderr" },
  config: {
    type: "text",
    value: "FILE",
    short: "c",
    env: "EPOXY_CONFIG",
    help: "YAML file with values for these options, by their names (default ~/.epoxy/config.yaml, if it exists)",
  },
  ...storageOptions,
} as const satisfies OptionTable;

export type GlobalOptions = typeof globalOptions;

export const namespaceOption = {
  namespace: {
    type: "text",
    value: "NAMESPACE",
    short: "n",
    default: "gloo-system",
    help: "namespace of the resource",
  },
} as const satisfies OptionTable;

export const nameOption = {
  name: { type: "text", value: "NAME", help: "name of the resource" },
} as const satisfies OptionTable;

export const outputOption = {
  output: {
    type: "text",
    value: "FORMAT",
    short: "o",
    default: "table",
    choices: ["table", "wide", "yaml", "json", "kube-yaml"],
    help: "how to print",
  },
} as const satisfies OptionTable;

export const dryRunOption = {
  "dry-run": { type: "flag", help: "print the YAML and write nothing" },
} as const satisfies OptionTable;

/** Options of every command that makes or changes a resource. */
export const writeOptions = {
  ...namespaceOption,
  ...nameOption,
  ...outputOption,
  ...dryRunOption,
} as const satisfies OptionTable;

/** Which running control plane a command asks. */
export const adminAddressOption = {
  "admin-address": {
    type: "text",
    value: "HOST:PORT",
    env: "EPOXY_ADMIN_ADDRESS",
    default: "127.0.0.1:9091",
    help: "admin address of `epoxy serve`",
  },
} as const satisfies OptionTable;
