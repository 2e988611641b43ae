import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { SettingsKind } from "../generated/sdk/index.ts";
import { rootCommand } from "../src/cli/commands.ts";
import { findCommand, readInput } from "../src/cli/command-line.ts";
import { honoured } from "../src/control-plane/settings/not-honoured.ts";
import { parseResources } from "../src/resources/index.ts";

const files = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ...globSync("docs/*.md")];
const text = (file: string): string => readFileSync(file, "utf8");
const codeBlocks = (file: string, language: string): string[] =>
  [...text(file).matchAll(new RegExp(`^ *\`\`\`${language}\n([^]*?)^ *\`\`\`$`, "gm"))].map((match) => match[1] ?? "");

describe("the documentation", () => {
  it("has no link to a file that isn't there", () => {
    const links = files.flatMap((file) =>
      [...text(file).matchAll(/\]\((?!http)([^)#]+)/g)].map(([, target = ""]) => join(dirname(file), target)),
    );
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((target) => !existsSync(target))).toEqual([]);
  });

  it("names only commands and options that the command line has", () => {
    const commands = files.flatMap((file) =>
      codeBlocks(file, "sh").flatMap((block) =>
        [...block.matchAll(/^npx epoxy ([^>&|\n]*)/gm)].map(([, words = ""]) => words),
      ),
    );
    expect(commands.length).toBeGreaterThan(8);
    for (const words of commands) {
      expect(() => readInput(findCommand(rootCommand, words.trim().split(/\s+/))), words).not.toThrow();
    }
  });

  it("shows Settings that can be read, and lists exactly the fields that are gone by", () => {
    const examples = [...codeBlocks("README.md", "yaml"), ...codeBlocks("docs/configuration.md", "yaml")];
    expect(examples.length).toBe(3);
    for (const example of examples) expect(parseResources(SettingsKind, example, "example").problems).toEqual([]);
    const table = text("docs/configuration.md").split("<!-- honoured:")[1] ?? "";
    const listed = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, field = ""]) => field);
    expect(listed.length).toBeGreaterThan(30);
    const ofEveryResource = new Set(["metadata", "namespacedStatuses"]);
    expect(listed.toSorted()).toEqual([...honoured].filter((field) => !ofEveryResource.has(field)).toSorted());
  });

  it("shows code of the example as it is", () => {
    const shown = [...text("docs/controllers.md").matchAll(/<!-- (examples\/\S+) -->\n\n *```\w+\n([^]*?)\n *```/g)];
    expect(shown.length).toBe(4);
    for (const [, file = "", code = ""] of shown) {
      expect(code.replaceAll(/^ {3}/gm, "").trim(), file).toBe(text(file).trim());
    }
  });

  it("gives a reason for each dependency", () => {
    const table = text("ARCHITECTURE.md").split("<!-- dependencies:")[1]?.split("\n## ")[0] ?? "";
    const explained = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
    expect(explained.toSorted()).toEqual(
      Object.keys(JSON.parse(text("package.json")).dependencies as object).toSorted(),
    );
  });
});
