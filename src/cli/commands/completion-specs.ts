import { type Command, defineCommand } from "../command.ts";

/** The shells that `epoxy completion` knows. */
export const shells = ["bash", "zsh", "fish"] as const;

export const completionCommand: Command = defineCommand({
  name: "completion",
  summary: "prints the script that completes command lines in a shell",
  description: ["SHELL is bash, zsh or fish."],
  arguments: [{ name: "SHELL", required: true }],
  load: async () => (await import("./completion.ts")).completion,
  examples: [
    { does: "In this bash", command: "source <(epoxy completion bash)" },
    { does: "In every bash", command: "epoxy completion bash > /etc/bash_completion.d/epoxy" },
    { does: "In every zsh", command: 'epoxy completion zsh > "${fpath[1]}/_epoxy"' },
    { does: "In every fish", command: "epoxy completion fish > ~/.config/fish/completions/epoxy.fish" },
  ],
});
