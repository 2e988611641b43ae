import { type Command, defineCommand } from "../command.ts";
import type { OptionTable } from "../option.ts";

export const checkOptions = {
  "allow-warnings": { type: "flag", help: "only errors count: end with 0 if there are warnings alone" },
  envoy: { type: "flag", help: "also let Envoy itself validate what it would get (envoy --mode validate)" },
  "envoy-path": {
    type: "text",
    value: "FILE",
    env: "ENVOY_PATH",
    help: "the Envoy to ask (default: envoy on the PATH)",
  },
  namespace: {
    type: "text",
    value: "NAMESPACE",
    short: "n",
    default: "gloo-system",
    help: "namespace of resources in files that name none, and of the Settings in Kubernetes",
  },
} as const satisfies OptionTable;

const finds =
  "Finds unknown fields and wrong types, references into nothing, domains and addresses claimed twice, routes that are never reached, certificates that expire within 30 days, and all else that the status of a resource would say. Each problem is printed with file:line or the key in Consul.";

const ends = "The exit code is 0 if all is well, and 1 if there are problems.";

export const checkCommand: Command = defineCommand({
  name: "check",
  summary: "says what is wrong with what is stored",
  description: [finds, "Nothing is written, and neither `epoxy serve` nor Envoy need to run.", ends],
  options: checkOptions,
  usesStorage: true,
  load: async () => (await import("./check.ts")).check,
  examples: [
    { does: "Check a folder", command: "epoxy check --dir data" },
    { does: "Check what is in Consul, by a program", command: "epoxy check --use-consul --json | jq '.problems[]'" },
    { does: "Have Envoy check, too", command: "epoxy check --dir data --envoy" },
  ],
});

export const validateCommand: Command = defineCommand({
  name: "validate",
  summary: "says what is wrong with files before they are stored",
  description: [
    "FILE is a YAML or JSON file, a folder, or - for stdin; without one, what is stored is checked, as by `epoxy check`.",
    finds,
    "With --dir, --use-consul or --use-kubernetes the files are checked as if they had been applied to what is stored there; without, they are taken to be all there is.",
    ends,
  ],
  arguments: [{ name: "FILE", several: true }],
  options: checkOptions,
  usesStorage: true,
  load: async () => (await import("./check.ts")).validate,
  examples: [
    { does: "Validate all files of a folder, in a pipeline", command: "epoxy validate config/" },
    { does: "Would this fit to what is stored?", command: "epoxy validate shop.yaml --dir data" },
    { does: "From another program", command: "helm template shop | epoxy validate -" },
    { does: "Have Envoy check, too", command: "epoxy validate config/ --envoy --envoy-path /usr/local/bin/envoy" },
  ],
});
