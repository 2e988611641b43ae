// How long `epoxy get vs` takes over N files, against node's start plus a plain YAML parse of the same files.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { benchOptions, median, report, rounded, type Row } from "./support/bench-run.ts";

const run = promisify(execFile);
const { sizes, smoke } = benchOptions({ sizes: [1000], smokeSizes: [50] });
const rounds = smoke ? 3 : 15;
const repository = join(import.meta.dirname, "..");
const built = join(repository, "dist", "src", "cli", "main.js");
const isBuilt = existsSync(built);
const cli = isBuilt ? built : join(repository, "src", "cli", "main.ts");

/** Two routes, a label and a status: what a small virtual service looks like once it is in force. */
const virtualService = (name: string): string => `metadata:
  name: ${name}
  namespace: gloo-system
  labels:
    team: shop
virtualHost:
  domains:
  - ${name}.example.com
  routes:
  - matchers:
    - prefix: /api
    routeAction:
      single:
        upstream:
          name: ${name}
          namespace: gloo-system
    options:
      prefixRewrite: /v1
      timeout: 15s
  - matchers:
    - exact: /health
    directResponseAction:
      status: 200
      body: ok
status:
  reportedBy: gateway
  state: Accepted
`;

/** Reads and parses all files of a folder as simply as can be. */
const plainParse = `
import { readdirSync, readFileSync } from "node:fs";
import { parse } from ${JSON.stringify(import.meta.resolve("yaml"))};
for (const name of readdirSync(process.argv[2])) parse(readFileSync(process.argv[2] + "/" + name, "utf8"));
`;

async function timed(args: readonly string[]): Promise<number> {
  const start = performance.now();
  await run(process.execPath, args, { maxBuffer: 1 << 28 });
  return performance.now() - start;
}

async function measure(count: number, data: string): Promise<Row> {
  const folder = join(data, "config", "virtualservices", "gloo-system");
  await mkdir(folder, { recursive: true });
  const names = Array.from({ length: count }, (_, index) => `shop-${index}`);
  await Promise.all(names.map((name) => writeFile(join(folder, `${name}.yaml`), virtualService(name))));
  const parser = join(data, "plain-parse.mjs");
  await writeFile(parser, plainParse);
  const get = [cli, "get", "vs", "--dir", data];
  // The first run of each fills caches: the files', and that of compiled code.
  await timed(get);
  await timed([parser, folder]);
  const times = { get: [] as number[], plain: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    times.get.push(await timed(get));
    times.plain.push(await timed([parser, folder]));
  }
  const least = { get: Math.min(...times.get), plain: Math.min(...times.plain) };
  return {
    files: count,
    "get ms (median)": rounded(median(times.get)),
    "plain ms (median)": rounded(median(times.plain)),
    "ratio (medians)": (median(times.get) / median(times.plain)).toFixed(2),
    "get ms (least)": rounded(least.get),
    "plain ms (least)": rounded(least.plain),
    "ratio (least)": (least.get / least.plain).toFixed(2),
  };
}

const rows: Row[] = [];
for (const size of sizes) {
  const data = await mkdtemp(join(tmpdir(), "epoxy-get-vs-"));
  try {
    rows.push(await measure(size, data));
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}
await report("get-vs", rows, [
  "plain: node's start, and yaml's parse() of the same files",
  isBuilt ? "get: the build in dist/" : "get: the sources, as there is no build; `npm run build` makes one",
]);
