import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { type PlantedBug, plantedBugs } from "./planted-bugs.ts";

/*
 * Runs the oracle on copies of the control plane, each with one bug planted, and prints what became of each: `node <this file> [sequences]
 * [seed] [bug]`. A URL with `?bug=3` gets the third bug, and so does what it imports.
 */

const sources = new URL("../../../../src/", import.meta.url).href;
const support = new URL("../", import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const bug = new URL(context.parentURL ?? "file:///").searchParams.get("bug");
    const isCopied = found.url.startsWith(sources) || found.url.startsWith(support);
    return bug === null || !isCopied ? found : { ...found, url: `${found.url.split("?")[0]}?bug=${bug}` };
  },
  load(url, context, next) {
    const number = new URL(url).searchParams.get("bug");
    const bug = number === null ? undefined : plantedBugs[Number(number)];
    if (bug === undefined || url.split("?")[0] !== sources + bug.file) return next(url, context);
    return { ...next(url, context), source: plant(bug, readFileSync(fileURLToPath(url), "utf8")) };
  },
});

function plant({ what, file, text, instead }: PlantedBug, source: string): string {
  const parts = source.split(text);
  if (parts.length !== 2) throw new Error(`"${what}": its text is ${parts.length - 1} times in ${file}, not once`);
  return parts.join(instead);
}

const [sequences = 2_000, seed = 1, only] = argv.slice(2).map(Number);
let missed = 0;
for (const [number, { what }] of plantedBugs.entries()) {
  if (only !== undefined && only !== number) continue;
  const { checkOracle } = (await import(`./check-oracle.ts?bug=${number}`)) as typeof import("./check-oracle.ts");
  let found = "NOT FOUND";
  try {
    checkOracle({ sequences, maxSteps: 14, seed, shrink: false });
    missed++;
  } catch (error) {
    const { message, cause } = error as Error;
    found = `${message.split("\n", 1)[0]}: ${(cause as Error | undefined)?.message.slice(0, 160)}`;
  }
  console.log(`${number} ${what}: ${found}`);
}
process.exitCode = missed === 0 ? 0 : 1;
