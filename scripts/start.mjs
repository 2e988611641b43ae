// `npm start`: installs what is missing, then runs the demo on the Node that was installed. One process that passes signals on (package.json's
// `exec` takes npm's shell out of the way, which would not), and finds a `node` that was not there when npm's shell looked for one.
import { spawn } from "node:child_process";
import "./ensure-installed.mjs";

const demo = spawn("node_modules/.bin/node", ["scripts/demo.ts", ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => demo.kill(signal));
demo.on("error", (error) => {
  console.error(`the demo could not be started: ${error.message}`);
  process.exitCode = 1;
});
demo.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
});
