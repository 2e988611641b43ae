import { type Command, defineCommand } from "../command.ts";
import type { OptionTable } from "../option.ts";
import { adminAddressOption, nameOption, namespaceOption, outputOption } from "../options.ts";

export const getOptions = {
  ...namespaceOption,
  ...nameOption,
  ...outputOption,
  selector: {
    type: "text",
    value: "SELECTOR",
    short: "l",
    help: "only those with fitting labels, such as app=shop,tier!=test or 'env in (a,b)'",
  },
  watch: {
    type: "flag",
    short: "w",
    help: "print what is there, and then whatever changes, until interrupted; with --json one object a line",
  },
  served: {
    type: "flag",
    help: "Proxies as a running `epoxy serve` has put them together, whatever is stored; without it they are asked for where none is stored",
  },
  ...adminAddressOption,
  "show-secrets": { type: "flag", help: "print secret values as they are; by default they are [redacted]" },
} as const satisfies OptionTable;

export const getCommand: Command = defineCommand({
  name: "get",
  summary: "prints resources",
  description: [
    "KIND is a kind's name, its plural or a short name: virtualservice, virtualservices or vs. After `virtualservice`, `route` prints the routes one by one.",
    "What can't be read is reported on stderr with its place; the rest is printed all the same, and the exit code is 1.",
  ],
  arguments: [
    { name: "KIND", required: true },
    { name: "NAME", several: true },
  ],
  options: getOptions,
  usesStorage: true,
  load: async () => (await import("./get.ts")).get,
  examples: [
    { does: "All upstreams", command: "epoxy get upstreams" },
    { does: "One virtual service, as YAML", command: "epoxy get virtualservice default -o yaml" },
    { does: "The routes of a virtual service", command: "epoxy get vs route default" },
    { does: "What is served, as one Proxy", command: "epoxy get proxy gateway-proxy --served -o yaml" },
    { does: "Upstreams by their labels, and each change of them", command: "epoxy get upstreams -l team=shop --watch" },
    {
      does: "Names of all upstreams in Consul, by a program",
      command: "epoxy get us --use-consul --json | jq -r '.[].metadata.name'",
    },
  ],
});

export const deleteOptions = { ...namespaceOption, ...nameOption } as const satisfies OptionTable;

export const deleteCommand: Command = defineCommand({
  name: "delete",
  summary: "deletes a resource",
  description: ["Other resources may still refer to it: their status then says so."],
  arguments: [
    { name: "KIND", required: true },
    { name: "NAME", several: true },
  ],
  options: deleteOptions,
  usesStorage: true,
  load: async () => (await import("./delete.ts")).deleteResources,
  examples: [{ does: "Delete an upstream", command: "epoxy delete upstream petstore" }],
});
