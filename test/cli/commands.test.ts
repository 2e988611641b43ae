import { describe, expect, it } from "vitest";
import { rootCommand } from "../../src/cli/commands.ts";
import type { Command } from "../../src/cli/command.ts";
import { optionsOf } from "../../src/cli/command-line.ts";
import { renderHelp } from "../../src/cli/help.ts";

function paths(path: readonly Command[]): readonly (readonly Command[])[] {
  return [path, ...(path.at(-1)?.commands.flatMap((child) => paths([...path, child])) ?? [])];
}

const all = paths([rootCommand]).map((path) => ({ path, name: path.map(({ name }) => name).join(" ") }));

describe("the table of commands", () => {
  it("has the commands of the manual", () => {
    expect(all.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "epoxy serve",
        "epoxy get",
        "epoxy create upstream static",
        "epoxy create upstream consul",
        "epoxy create secret tls",
        "epoxy delete",
        "epoxy add route",
        "epoxy remove route",
        "epoxy proxy bootstrap",
        "epoxy codegen",
        "epoxy version",
      ]),
    );
  });

  it.each(all)("$name gives no letter to two options", ({ path }) => {
    const letters = Object.values(optionsOf(path.at(-1) as Command)).flatMap(({ short }) => short ?? []);
    expect(letters).toEqual([...new Set(letters)]);
  });

  it.each(all.filter(({ path }) => path.at(-1)?.load !== undefined))(
    "$name loads, and its help has an example of it",
    async ({ path, name }) => {
      const command = path.at(-1) as Command;
      expect(await command.load?.()).toBeTypeOf("function");
      expect(command.examples.map((example) => example.command).join("\n")).toContain(name);
    },
  );

  it.each(all)("the help of $name fits a terminal and names all of its options", ({ path }) => {
    const help = renderHelp(path);
    const text = help.split("Examples:")[0] ?? "";
    expect(text.split("\n").filter((line) => line.length > 102)).toEqual([]);
    for (const name of Object.keys(path.at(-1)?.options ?? {})) expect(help).toContain(`--${name}`);
  });
});
