import { type Command, defineCommand } from "../command.ts";
import type { OptionTable } from "../option.ts";
import { namespaceOption } from "../options.ts";

const fileOption = {
  file: {
    type: "list",
    value: "FILE",
    short: "f",
    help: "YAML or JSON file, folder with such files at any depth, or - for stdin",
  },
} as const satisfies OptionTable;

const inFiles =
  "Each document says its apiVersion and kind, unless it lies in a folder named for its kind, as in the folder of `epoxy serve`.";

export const applyOptions = {
  ...fileOption,
  ...namespaceOption,
  force: { type: "flag", help: "take no notice of a metadata.resourceVersion in a file" },
  "dry-run": { type: "flag", help: "say what would be done, and do nothing" },
} as const satisfies OptionTable;

export const applyCommand: Command = defineCommand({
  name: "apply",
  summary: "creates or changes resources, so that they are as in files",
  description: [
    `${inFiles} Nothing is written before all of it is read without a fault. Each resource is then reported as created, configured or unchanged; statuses stay.`,
    "If somebody else changes a resource meanwhile, it is looked at again. A file that names a metadata.resourceVersion is only put over that version.",
  ],
  options: applyOptions,
  usesStorage: true,
  load: async () => (await import("./apply.ts")).apply,
  examples: [
    { does: "Apply a file", command: "epoxy apply -f petstore.yaml" },
    { does: "Apply a folder to Consul", command: "epoxy apply -f config/ --use-consul" },
    { does: "Apply what another program makes", command: "helm template shop | epoxy apply -f -" },
    { does: "See what would be done", command: "epoxy apply -f config/ --dry-run" },
  ],
});

export const diffOptions = {
  ...fileOption,
  ...namespaceOption,
  "show-secrets": { type: "flag", help: "print secret values as they are; by default they are [redacted]" },
} as const satisfies OptionTable;

export const diffCommand: Command = defineCommand({
  name: "diff",
  summary: "shows what `epoxy apply` would change",
  description: [
    inFiles,
    "What is stored and what the files hold is compared as YAML, without statuses and versions. The exit code is 0 if there is no difference, and 1 if there is one.",
  ],
  options: diffOptions,
  usesStorage: true,
  load: async () => (await import("./diff.ts")).diff,
  examples: [
    { does: "See what would change", command: "epoxy diff -f config/ --dir data" },
    { does: "In a pipeline", command: "epoxy diff -f config/ --use-consul > changes.diff || echo there are changes" },
  ],
});

export const editOptions = { ...namespaceOption } as const satisfies OptionTable;

export const editCommand: Command = defineCommand({
  name: "edit",
  summary: "opens a resource in an editor and stores what is saved",
  description: [
    "The editor is $VISUAL, else $EDITOR, else vi. If what is saved has a fault, the editor opens again with the faults on top. Saving it as it was ends the command; a text that could not be stored is kept, and its place is printed.",
    "If somebody else changes the resource meanwhile, nothing of theirs is lost: the text is kept and can be applied.",
  ],
  arguments: [
    { name: "KIND", required: true },
    { name: "NAME", required: true },
  ],
  options: editOptions,
  usesStorage: true,
  load: async () => (await import("./edit.ts")).edit,
  examples: [
    { does: "Edit a virtual service", command: "epoxy edit virtualservice default" },
    { does: "With another editor", command: "EDITOR='code --wait' epoxy edit upstream petstore --use-consul" },
  ],
});
