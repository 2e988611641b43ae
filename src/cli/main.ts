#!/usr/bin/env node
// All imports are made after the version is known to do: an old Node should say so, not fail on syntax or a missing export.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(
    `error: epoxy needs Node 22.12 or newer, this is ${process.versions.node}: update it (https://nodejs.org)\n`,
  );
  process.exit(1);
}
const { enableCompileCache } = await import("node:module");
// Starts about a third faster from the second time on.
enableCompileCache();
const { runCli } = await import("./run-cli.ts");
const { processTerminal } = await import("./terminal.ts");
process.exitCode = await runCli(process.argv.slice(2), processTerminal());
