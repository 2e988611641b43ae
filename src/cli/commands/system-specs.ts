import { type Command, defineCommand } from "../command.ts";
import { limitYoungGeneration } from "../limit-young-generation.ts";
import type { OptionTable } from "../option.ts";
import { storageOptions } from "../options.ts";

export const serveOptions = {
  dir: {
    ...storageOptions.dir,
    help: "folder with the Settings and, unless they say otherwise, the resources (default ./data)",
  },
  only: {
    type: "list",
    value: "COMPONENT",
    help: "run only some of gateway, discovery and xds; the others run elsewhere",
  },
  namespace: {
    type: "text",
    value: "NAMESPACE",
    short: "n",
    default: "gloo-system",
    help: "namespace of the Settings",
  },
  name: { type: "text", value: "NAME", default: "default", help: "name of the Settings" },
  "xds-address": {
    type: "text",
    value: "HOST:PORT",
    help: "where Envoy connects (default: gloo.xdsBindAddr of the Settings, else 127.0.0.1:9977)",
  },
  "xds-tls-cert": {
    type: "text",
    value: "FILE",
    env: "EPOXY_XDS_TLS_CERT",
    help: "certificate to show to Envoy, in PEM; read again when it changes (default: gloo.xds.tls of the Settings, else plain text)",
  },
  "xds-tls-key": { type: "text", value: "FILE", env: "EPOXY_XDS_TLS_KEY", help: "key of that certificate" },
  "xds-tls-client-ca": {
    type: "text",
    value: "FILE",
    env: "EPOXY_XDS_TLS_CLIENT_CA",
    help: "authorities whose certificates Envoys must show (mutual TLS)",
  },
  "xds-token-file": {
    type: "text",
    value: "FILE",
    env: "EPOXY_XDS_TOKEN_FILE",
    help: "tokens, one on a line; Envoys that bring one may ask for any role, others only for what gloo.xds.clients says",
  },
  "xds-plaintext": { type: "flag", help: "serve other machines in plain text, secrets included" },
  "admin-address": {
    type: "text",
    value: "HOST:PORT",
    default: "127.0.0.1:9091",
    help: "where /healthz, /readyz and /metrics are; none: nowhere",
  },
  "webhook-address": {
    type: "text",
    value: "HOST:PORT",
    help: "where the validating webhook for Kubernetes listens, with gateway.validation in the Settings (default: 0.0.0.0:8443)",
  },
  "state-dir": {
    type: "text",
    value: "DIR",
    env: "EPOXY_STATE_DIR",
    help: "folder for what is kept for the next start, of this process only; none: nothing is kept (default: .epoxy/state in DIR)",
  },
  "accept-empty": {
    type: "flag",
    help: "take an empty storage at its word, though something was served before the restart",
  },
  "log-level": {
    type: "text",
    value: "LEVEL",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    help: "the least that is logged",
  },
  "log-format": {
    type: "text",
    value: "FORMAT",
    choices: ["json", "pretty"],
    help: "how (default: pretty on a terminal)",
  },
} as const satisfies OptionTable;

export const serveCommand: Command = defineCommand({
  name: "serve",
  summary: "runs the control plane",
  description: [
    "Reads the Settings in DIR/gloo-system/default.yaml and goes by them; changes are put in force as they are saved. Without Settings the resources are files in DIR/config.",
    "The first Ctrl-C or SIGTERM ends it in order (exit code 0), a second one at once. Envoy keeps its configuration.",
  ],
  options: serveOptions,
  load: async () => {
    // Before the first of the many modules is loaded, since what the space has grown to stays.
    limitYoungGeneration();
    return (await import("./serve.ts")).serve;
  },
  examples: [
    { does: "Everything in one process", command: "epoxy serve --dir data" },
    {
      does: "Discovery in a process of its own",
      command: "epoxy serve --dir data --only discovery --admin-address none",
    },
  ],
});

export const codegenCommand: Command = defineCommand({
  name: "codegen",
  summary: "generates code from protos, by the buf.gen.yaml of this folder",
  passThrough: true,
  load: async () => (await import("./codegen.ts")).codegen,
  examples: [
    { does: "Generate", command: "epoxy codegen" },
    { does: "Fail if the generated code is stale", command: "epoxy codegen --check" },
  ],
});

export const crdsCommand: Command = defineCommand({
  name: "crds",
  summary: "prints the CustomResourceDefinitions that Kubernetes needs",
  description: ["They are larger than kubectl's own note of what it applied may be: apply them with --server-side."],
  load: async () => (await import("./crds.ts")).crds,
  examples: [{ does: "Install or update them", command: "epoxy crds | kubectl apply --server-side -f -" }],
});

export const versionCommand: Command = defineCommand({
  name: "version",
  summary: "prints the version",
  load: async () => (await import("./version.ts")).version,
  examples: [{ does: "For programs", command: "epoxy version --json" }],
});
