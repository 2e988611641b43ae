import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Brings the Envoy bootstraps of `deploy/` to what `epoxy proxy bootstrap` prints: `node scripts/deploy-bootstraps.ts`. */
const root = join(import.meta.dirname, "..");
const deploy = join(root, "deploy");

async function bootstrap(words: string): Promise<string> {
  const main = join(root, "src", "cli", "main.ts");
  const args = ["proxy", "bootstrap", ...words.split(" ")];
  return (await promisify(execFile)(process.execPath, [main, ...args])).stdout;
}

const compose = await bootstrap("--node-id docker-compose-node --xds-address epoxy:9977 --admin-host 0.0.0.0");
for (const example of ["consul", "files"]) await writeFile(join(deploy, "compose", example, "envoy.yaml"), compose);

/** In the ConfigMap there are a listener and a cluster besides, which stand before the cluster for xDS. */
const own = /(static_resources:\n)[^]*?( {2}- name: xds_cluster\n)/;
const file = join(deploy, "kubernetes", "gateway-proxy-bootstrap.yaml");
const text = await readFile(file, "utf8");
const words = /^# epoxy proxy bootstrap (.*)$/m.exec(text)?.[1];
const [head = "", indented = ""] = text.split(/(?<= {2}envoy\.yaml: \|\n)/);
const kept = own.exec(indented.replace(/^ {4}/gm, ""))?.[0];
if (words === undefined || kept === undefined) throw new Error(`${file} isn't what this script knows`);
const printed = (await bootstrap(words)).replace(own, () => kept);
await writeFile(file, head + printed.replace(/^(?=.)/gm, "    "));
