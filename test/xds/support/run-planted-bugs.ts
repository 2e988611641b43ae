import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { type PlantedBug, plantedBugs } from "./planted-bugs.ts";

/*
 * Runs the model on copies of the server, each with one bug planted, and prints what became of each as JSON. A process of its own, since it
 * hooks into the loading of modules: a URL with `?bug=3` gets the third bug, and so does what it imports.
 */

export interface BugReport {
  readonly what: string;
  /** How the model failed; undefined if it didn't. */
  readonly failure: string | undefined;
}

const sources = new URL("../../../src/xds/", import.meta.url).href;
const support = new URL("./", import.meta.url).href;

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
    if (bug === undefined || !url.startsWith(sources + bug.file)) return next(url, context);
    return { ...next(url, context), source: plant(bug, readFileSync(fileURLToPath(url), "utf8")) };
  },
});

function plant({ what, file, text, instead }: PlantedBug, source: string): string {
  const parts = source.split(text);
  if (parts.length !== 2) throw new Error(`"${what}": its text is ${parts.length - 1} times in ${file}, not once`);
  return parts.join(instead);
}

async function run(sequences: number, seed: number): Promise<BugReport[]> {
  const reports: BugReport[] = [];
  for (const [number, { what }] of plantedBugs.entries()) {
    const { checkModel } = (await import(`./model.ts?bug=${number}`)) as typeof import("./model.ts");
    let failure: string | undefined;
    try {
      checkModel({ sequences, seed, shrink: false });
    } catch (error) {
      failure = (error as Error).message.split("\n", 1)[0];
    }
    reports.push({ what, failure });
  }
  return reports;
}

console.log(JSON.stringify(await run(Number(argv[2]), Number(argv[3]))));
