import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { translateYaml } from "./support/input.ts";
import { renderTranslated } from "./support/render.ts";
import { validateWithEnvoy } from "./support/validate.ts";

const inputs = globSync("*/*.in.yaml", { cwd: import.meta.dirname }).sort();
const translated = new Map(
  inputs.map((input) => [
    input,
    translateYaml(readFileSync(join(import.meta.dirname, input), "utf8"), basename(input)),
  ]),
);

test("there are goldens for the translator and for each feature", () => {
  expect(new Set(inputs.map((input) => input.split("/")[0])).size).toBeGreaterThanOrEqual(12);
});

for (const [input, result] of translated) {
  test(`${input} becomes what is written beside it`, async () => {
    await expect(renderTranslated(result)).toMatchFileSnapshot(input.replace(".in.yaml", ".out.yaml"));
  });
}

test("a real Envoy accepts the resources of all goldens", async () => {
  const all = [...translated.values()];
  const unique = <T extends { readonly name: string }>(items: readonly T[]): T[] => [
    ...new Map(items.map((item) => [item.name, item])).values(),
  ];
  const refusal = await validateWithEnvoy({
    virtualHosts: all.flatMap(({ virtualHosts }) => virtualHosts.flatMap(({ virtualHost }) => virtualHost ?? [])),
    listeners: unique(all.flatMap(({ listeners }) => listeners.flatMap(({ listener }) => listener ?? []))),
    clusters: unique(all.flatMap(({ upstreams }) => upstreams.flatMap(({ cluster }) => cluster ?? []))),
  });
  expect(refusal).toBeUndefined();
});
