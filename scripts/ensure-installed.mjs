// Installs the dependencies if they are missing or older than the lock file. Plain JavaScript without dependencies: it runs first, on
// whatever Node there is.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20) {
  console.error(`Node ${process.versions.node} is too old: install Node 20 or newer (https://nodejs.org).`);
  process.exit(1);
}
const marker = "node_modules/.package-lock.json";
const stale = !existsSync(marker) || statSync(marker).mtimeMs < statSync("package-lock.json").mtimeMs;
if (stale || !existsSync("dist/src/cli/bundle/main.js")) {
  console.error(`Installing dependencies (Node ${major}.${minor}) …`);
  // Not `npm ci`: it insists on the optional binaries of every platform.
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error("npm install failed: see above. Check the network and the npm registry, then run this again.");
    process.exit(1);
  }
}
