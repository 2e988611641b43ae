import { type Command, defineCommand } from "../command.ts";

export const initCommand: Command = defineCommand({
  name: "init",
  summary: "makes a folder with a kind and a controller of your own",
  description: [
    "The folder holds a .proto with the kind Rollout, the files that tell buf what to generate from it, a controller that keeps an upstream group for each rollout and reports its status, and its tests. Change the kind to yours.",
    "What is in the folder already is never overwritten.",
  ],
  arguments: [{ name: "FOLDER", required: true }],
  load: async () => (await import("./init.ts")).init,
  examples: [
    { does: "Make it, install, test", command: "epoxy init rollout && cd rollout && npm install && npm test" },
  ],
});
