// What the generator costs: `npm run codegen` against a bare `buf generate` of the same messages, in turns.
// Usage: node bench/codegen.ts [--smoke] [--rounds 7]    Exits with 1 if the ratio is above 1.5, which a single round (--smoke) can't tell.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parse, stringify } from "yaml";
import { checkCounts, median, report } from "./support/bench-run.ts";

const repository = resolve(import.meta.dirname, "..");
const { values } = parseArgs({ options: { smoke: { type: "boolean" }, rounds: { type: "string" } } });
const smoke = values.smoke ?? false;
const rounds = Number(values.rounds ?? (smoke ? 1 : 7));
checkCounts([rounds], "[--smoke] [--rounds 7]");
const limit = 1.5;
const folder = mkdtempSync(join(tmpdir(), "epoxy-bench-"));

/** Milliseconds of a process, from start to end. */
function time(command: string, ...args: readonly string[]): number {
  const start = performance.now();
  const path = [join(repository, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const { status, stderr } = spawnSync(command, args, {
    cwd: repository,
    env: { ...process.env, PATH: path },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - start;
}

interface Template {
  readonly plugins: readonly { readonly local: unknown; readonly strategy?: string }[];
}

/** The template with ts-proto alone. */
function bareTemplate(name: string, change: (plugin: Template["plugins"][number]) => object): string {
  const template = parse(readFileSync(join(repository, "buf.gen.yaml"), "utf8")) as Template;
  const plugins = template.plugins.filter(({ local }) => local === "protoc-gen-ts_proto").map(change);
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, stringify({ ...template, plugins }));
  return path;
}

const row = (what: string, times: readonly number[]) => ({
  what,
  rounds: times.length,
  "median ms": Math.round(median(times)),
  "fastest ms": Math.round(Math.min(...times)),
  "slowest ms": Math.round(Math.max(...times)),
});

try {
  const bare = bareTemplate("bare", (plugin) => plugin);
  // buf's default is a process of the plugin for every folder.
  const byFolder = bareTemplate("by-folder", (plugin) => ({ ...plugin, strategy: "directory" }));
  const out = join(folder, "out");
  const times = { bare: [] as number[], ours: [] as number[] };
  const generate = (template: string): number => time("buf", "generate", "--template", template, "--output", out);
  generate(bare);
  for (let round = 0; round < rounds; round++) {
    times.bare.push(generate(bare));
    times.ours.push(time("node", "codegen/project.ts"));
  }
  // Other work on the machine only ever adds time: the fastest rounds say what the programs themselves need.
  const ratio = Math.min(...times.ours) / Math.min(...times.bare);
  const medians = median(times.ours) / median(times.bare);
  await report(
    "codegen",
    [
      row("buf generate, ts-proto only, one process", times.bare),
      row("npm run codegen", times.ours),
      row("buf generate, ts-proto only, buf's default", [generate(byFolder)]),
    ],
    [`ratio ${ratio.toFixed(2)} of the fastest rounds, at most ${limit}; of the medians ${medians.toFixed(2)}`],
  );
  process.exitCode = ratio > limit && !smoke ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
