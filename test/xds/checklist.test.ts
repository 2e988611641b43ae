import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { resources } from "./support/messages.ts";
import { KEY, streamRig } from "./support/rigs.ts";

const RULES = Array.from({ length: 32 }, (_, index) => index + 1);

/** Numbers in titles such as `rule 5: …` or `rules 23 and 24: …`. */
function rulesNamed(file: string): number[] {
  const text = readFileSync(file, "utf8");
  const titles = [...text.matchAll(/(?:test|describe)(?:\.each\([^]*?\))?\(\s*(["'`])([^\n]*?)\1,/g)].map(
    ([, , it]) => it ?? "",
  );
  return titles.flatMap((title) =>
    [...title.matchAll(/\brules? ((?:\d+(?:, | and )?)+)/g)]
      .flatMap(([, list = ""]) => list.match(/\d+/g) ?? [])
      .map(Number),
  );
}

test("every rule of the checklist is named by a test, and has a row in docs/xds.md", () => {
  const named = new Set(globSync(join(import.meta.dirname, "*.test.ts")).flatMap(rulesNamed));
  expect(RULES.filter((rule) => !named.has(rule))).toEqual([]);
  const table = readFileSync(join(import.meta.dirname, "../../docs/xds.md"), "utf8").split("<!-- rules:")[1] ?? "";
  expect([...table.matchAll(/^\| (\d+) \|/gm)].map(([, rule]) => Number(rule))).toEqual(RULES);
});

test("rule 27: a name of the form xdstp:// is a name like any other, and a collection of them is missing", () => {
  const rig = streamRig("delta", { onlyType: typeUrls.endpoint });
  const [one, collection] = ["xdstp://authority/endpoints/a?x=1&y=2", "xdstp://authority/endpoints/*"];
  rig.cache.apply(KEY, { upsert: resources(typeUrls.endpoint, { [one]: "1" }), complete: true });
  rig.ask({ subscribe: [one, collection, "xdstp://authority/endpoints/a?y=2&x=1"] });
  const answer = rig.answer();
  expect(Object.keys(answer?.versions ?? {})).toEqual([one]);
  expect(answer?.removed).toEqual([collection, "xdstp://authority/endpoints/a?y=2&x=1"]);
});
