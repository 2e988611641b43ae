import { type Command, defineCommand } from "../command.ts";
import type { OptionTable } from "../option.ts";
import { adminAddressOption } from "../options.ts";

export const bootstrapOptions = {
  role: {
    type: "text",
    value: "ROLE",
    default: "gloo-system~gateway-proxy",
    help: "which Proxy it serves: <namespace>~<proxy>; a proxy's name alone is one of gloo-system",
  },
  "xds-address": {
    type: "text",
    value: "HOST:PORT",
    default: "127.0.0.1:9977",
    help: "where Envoy reaches the control plane",
  },
  delta: { type: "flag", help: "let the control plane send only what changed; this is the default" },
  sotw: {
    type: "flag",
    help: "let the control plane send everything at each change (state of the world), as Gloo does",
  },
  tls: { type: "flag", help: "connect to the control plane by TLS" },
  "tls-ca": {
    type: "text",
    value: "FILE",
    default: "/etc/ssl/certs/ca-certificates.crt",
    help: "on Envoy's host: certificate of the authority that the control plane's is checked against",
  },
  "tls-cert": { type: "text", value: "FILE", help: "on Envoy's host: certificate to show to the control plane" },
  "tls-key": { type: "text", value: "FILE", help: "on Envoy's host: key of that certificate" },
  "tls-name": {
    type: "text",
    value: "NAME",
    help: "name in the control plane's certificate (default: the host of --xds-address)",
  },
  "token-file": {
    type: "text",
    value: "FILE",
    help: "on Envoy's host: file with the token to send to the control plane; read when Envoy starts",
  },
  "token-env": {
    type: "text",
    value: "NAME",
    help: "environment variable of Envoy with that token",
  },
  "node-id": { type: "text", value: "ID", help: "name of this Envoy in logs (default: role and host name)" },
  "node-cluster": { type: "text", value: "NAME", default: "gateway", help: "name of the group of Envoys" },
  "admin-host": {
    type: "text",
    value: "HOST",
    default: "127.0.0.1",
    help: "address of Envoy's admin page, which anybody who reaches it can use",
  },
  "admin-port": { type: "integer", value: "PORT", default: 19_000, help: "port of Envoy's admin page" },
  output: {
    type: "text",
    value: "FORMAT",
    short: "o",
    default: "yaml",
    choices: ["yaml", "json"],
    help: "how to print",
  },
} as const satisfies OptionTable;

export const proxyStatusOptions = adminAddressOption;
export const proxyConfigOptions = {
  ...adminAddressOption,
  type: { type: "text", value: "TYPE", help: "only this type, such as CDS or RDS" },
} as const satisfies OptionTable;
export const proxyDiffOptions = {
  ...adminAddressOption,
  "envoy-admin": {
    type: "text",
    value: "HOST:PORT",
    help: "admin address of that Envoy: compare with what it runs, rather than with what it has acknowledged",
  },
} as const satisfies OptionTable;

const status: Command = defineCommand({
  name: "status",
  summary: "lists the connected proxies, and whether they have what they should have",
  description: [
    "Of each type a proxy is synced (it has all), stale (something is unsent or unanswered), refused (it isn't given something as it is served, since it, or others, refuse that), or not sent. LAG is for how long the oldest unanswered response has waited.",
    "The exit code is 1 if one of them isn't synced.",
  ],
  arguments: [{ name: "NODE" }],
  options: proxyStatusOptions,
  load: async () => (await import("./proxy-status.ts")).proxyStatus,
  examples: [{ does: "All proxies", command: "epoxy proxy status" }],
});

const config: Command = defineCommand({
  name: "config",
  summary: "lists what is served to a proxy, by name and version",
  description: [
    "NODE is the proxy's node id; it may be left out where one proxy is connected. Content isn't shown: it may be secret.",
  ],
  arguments: [{ name: "NODE" }],
  options: proxyConfigOptions,
  load: async () => (await import("./proxy-config.ts")).proxyConfig,
  examples: [{ does: "The clusters of a proxy", command: "epoxy proxy config edge-1 --type CDS" }],
});

const diff: Command = defineCommand({
  name: "diff",
  summary: "compares what is served with what a proxy has acknowledged, or runs",
  description: [
    "Without --envoy-admin: everything that the proxy hasn't acknowledged as it is served, and why. With it: names and versions in Envoy's /config_dump against those that this proxy should have.",
    "The exit code is 1 if there are differences.",
  ],
  arguments: [{ name: "NODE" }],
  options: proxyDiffOptions,
  load: async () => (await import("./proxy-diff.ts")).proxyDiff,
  examples: [
    { does: "What a proxy hasn't acknowledged", command: "epoxy proxy diff edge-1" },
    { does: "Against what it runs", command: "epoxy proxy diff edge-1 --envoy-admin 127.0.0.1:19000" },
  ],
});

const bootstrap: Command = defineCommand({
  name: "bootstrap",
  summary: "prints a configuration that starts Envoy on this control plane",
  description: ["It works with stock Envoy. Nothing is contacted and nothing is written."],
  options: bootstrapOptions,
  load: async () => (await import("./proxy-bootstrap.ts")).proxyBootstrap,
  examples: [
    { does: "Run Envoy on this machine", command: "epoxy proxy bootstrap > envoy.yaml && envoy -c envoy.yaml" },
    {
      does: "For another proxy and machine, over mutual TLS",
      command:
        "epoxy proxy bootstrap --role edge --xds-address epoxy.internal:9977 --tls --tls-ca ca.pem --tls-cert envoy.pem --tls-key envoy.key",
    },
  ],
});

export const proxyCommand: Command = defineCommand({
  name: "proxy",
  summary: "is about Envoy proxies",
  commands: [bootstrap, status, config, diff],
});
