import { globSync, readFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { expect, test } from "vitest";
import { generate } from "../../codegen/generate.ts";
import { kinds, tables } from "../../generated/sdk/index.ts";
import { compile, head } from "./compile.ts";

const folder = resolve(import.meta.dirname, "../../generated/docs");
const pages = new Map(
  globSync("**/*.md", { cwd: folder }).map((path) => [path, readFileSync(join(folder, path), "utf8")]),
);

/** The anchors that a page's headings get. */
const anchors = (page: string): readonly string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );

test("every link leads to a page, and to a heading on it that is there once", () => {
  let count = 0;
  for (const [path, text] of pages) {
    for (const [, target = "", anchor] of text.matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)) {
      const page = target === "" ? path : posix.join(posix.dirname(path), target);
      const found = anchors(pages.get(page) ?? "").filter((name) => anchor === undefined || name === anchor);
      expect({ path, target, anchor, found: found.length }).toEqual({
        path,
        target,
        anchor,
        found: anchor === undefined ? found.length || "a page" : 1,
      });
      count++;
    }
  }
  expect(count).toBeGreaterThan(1000);
});

test("every kind has a page that the index leads to, with all its fields", () => {
  for (const kind of kinds) {
    expect(pages.get("README.md")).toContain(`[${kind.kind}](${kind.plural}.md)`);
    for (const { jsonName } of kind.type.fields) {
      expect(pages.get(`${kind.plural}.md`)).toMatch(new RegExp(`^\\| \`${jsonName}\` \\| .+ \\| .+ \\|$`, "m"));
    }
  }
  expect(tables.find("epoxy.gateway.v1.Route")).toBeDefined();
  expect(pages.get("packages/epoxy.gateway.v1.md")).toContain("\n## Route\n");
});

test("comments become pages, with what options say, and nothing in them is taken for HTML or a table's bar", () => {
  const proto = `${head}
// Mesh joins <zones> by \`a<b\`. More.
message Mesh {
  option (epoxy.options.v1.resource) = {group: "acme.example.com" version: "v1" plural: "meshes" short_names: ["me"]};
  epoxy.core.v1.Metadata metadata = 1;
  // Either a | b,
  // or both.
  oneof way {
    // The key.
    string key = 2 [(epoxy.options.v1.field) = {sensitive: true aliases: ["secretKey"]}];
    // Zones by name.
    Zone zone = 3 [deprecated = true];
  }
  map<string, Zone> zones = 4;
}
// Zone is a | part.
message Zone {
  // Size | count.
  enum Size {
    // Not much.
    Small = 0;
  }
  repeated Size sizes = 1;
}
`;
  const { files = [] } = generate(compile({ "a.proto": proto }, "emit=docs"));
  expect(files.map(({ path }) => path)).toEqual(["README.md", "meshes.md", "packages/acme.v1.md"]);
  const [index, mesh, acme] = files.map(({ content }) => content);
  expect(index).toContain("| [Mesh](meshes.md) | `acme.example.com/v1` | Mesh joins &lt;zones> by `a<b`. |");
  expect(mesh).toContain("| names on the command line | `meshes`, `mesh`, `me` |");
  expect(mesh).toContain("| `metadata` | `Metadata` |  |");
  expect(mesh).toContain(
    "| `key` | string | The key. Excludes `zone`. Also read as `secretKey`. Secret: in no log or table. |",
  );
  expect(mesh).toContain(
    "| `zone` | [Zone](packages/acme.v1.md#zone) | Zones by name. **Deprecated.** Excludes `key`. |",
  );
  expect(mesh).toContain("| `zones` | map of string to [Zone](packages/acme.v1.md#zone) |  |");
  expect(acme).toContain("## Zone\n\nZone is a | part.\n\n| Field | Type | Description |");
  expect(acme).toContain("| `sizes` | list of [Zone.Size](#zonesize) |  |");
  expect(acme).toContain("Used by [Mesh](../meshes.md).");
  expect(acme).toContain(
    "## Zone.Size\n\nSize | count.\n\n| Value | Meaning |\n| --- | --- |\n| `Small` | Not much. |",
  );
});
