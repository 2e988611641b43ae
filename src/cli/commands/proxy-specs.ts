import { type Command, defineCommand } from "../command.ts";
import type { OptionTable } from "../option.ts";

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
  commands: [bootstrap],
});
