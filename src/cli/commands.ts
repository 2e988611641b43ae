import { type Command, defineCommand } from "./command.ts";
import { addCommand, removeCommand, routeCommand } from "./commands/route-specs.ts";
import { applyCommand, diffCommand, editCommand } from "./commands/apply-specs.ts";
import { checkCommand, validateCommand } from "./commands/check-specs.ts";
import { completionCommand } from "./commands/completion-specs.ts";
import { createCommand } from "./commands/create-specs.ts";
import { initCommand } from "./commands/init-specs.ts";
import { proxyCommand } from "./commands/proxy-specs.ts";
import { deleteCommand, getCommand } from "./commands/resource-specs.ts";
import { codegenCommand, crdsCommand, serveCommand, versionCommand } from "./commands/system-specs.ts";

/** All commands. Only data: the code of a command is loaded when it runs. */
export const rootCommand: Command = defineCommand({
  name: "epoxy",
  summary: "configures Envoy from resources in files or Consul",
  description: [
    'Resources are found by --dir or $EPOXY_DIR (a folder), by --use-consul, or, without any of these, in ./data. "epoxy serve" runs the control plane on them.',
  ],
  commands: [
    serveCommand,
    getCommand,
    createCommand,
    applyCommand,
    diffCommand,
    editCommand,
    deleteCommand,
    addCommand,
    removeCommand,
    routeCommand,
    checkCommand,
    validateCommand,
    proxyCommand,
    codegenCommand,
    crdsCommand,
    initCommand,
    completionCommand,
    versionCommand,
  ],
  examples: [
    { does: "Run the control plane on a folder", command: "epoxy serve --dir data" },
    {
      does: "Send /all-pets to the upstream petstore",
      command: "epoxy add route --path-exact /all-pets --dest-name petstore --prefix-rewrite /api/pets",
    },
    { does: "See what is there", command: "epoxy get virtualservices --dir data" },
    { does: "The same with Consul", command: "epoxy get upstreams --use-consul --consul-address 127.0.0.1:8500" },
  ],
});
