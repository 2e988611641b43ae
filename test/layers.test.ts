import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * Which layer may import which. ARCHITECTURE.md prints this table. `generated` stands for all of it; a layer may always import
 * itself.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  resources: ["errors", "generated/proto"],
  consul: ["errors"],
  kubernetes: ["errors"],
  leader: ["errors", "consul", "kubernetes"],
  storage: ["errors", "resources", "consul", "kubernetes", "generated/proto"],
  collections: ["errors", "resources"],
  snapshot: ["errors", "resources", "storage", "collections", "generated/proto"],
  gateway: ["errors", "resources", "collections", "snapshot", "generated"],
  envoy: ["errors", "resources", "collections", "snapshot", "generated"],
  discovery: ["errors", "resources", "consul", "kubernetes", "storage", "collections", "snapshot", "generated"],
  xds: ["errors", "generated/proto", "generated/envoy"],
  "control-plane": [
    ...["errors", "resources", "consul", "storage", "collections", "snapshot", "gateway", "envoy", "discovery", "xds"],
    ...["kubernetes", "leader", "generated"],
  ],
  cli: ["errors", "resources", "storage", "gateway", "control-plane", "generated"],
  testing: ["errors", "resources", "storage"],
  "codegen-v1": ["errors", "resources", "storage"],
  streams: ["errors", "resources", "storage", "xds", "generated/envoy"],
  "codegen-v1-streams": ["streams"],
  "codegen-v1-controllers": ["errors", "resources", "storage", "snapshot"],
  index: ["errors", "resources", "storage"],
  codegen: ["generated"],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

/** The layer that a path of the repository belongs to: `src/xds/…` → `xds`, `generated/proto/…` → `generated/proto`. */
function layerOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  if (top === "src") return second.replace(/\.ts$/, "");
  return top === "generated" ? `${top}/${second}` : top;
}

function imports(): Import[] {
  return globSync(["src/**/*.ts", "codegen/**/*.ts"]).flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] as string);
    return specifiers.map((specifier) => ({ file, target: normalize(join(dirname(file), specifier)) }));
  });
}

const mayImport = (from: string, to: string): boolean =>
  from === to ||
  (allowed[from] ?? []).some((layer) => layer === to || (to.startsWith("generated/") && layer === "generated"));

describe("the layers", () => {
  const all = imports();

  it("are seen by this test", () => {
    expect(all.length).toBeGreaterThan(500);
    expect(new Set(all.map(({ file }) => layerOf(file)))).toEqual(new Set(Object.keys(allowed)));
  });

  it("import only what the table allows", () => {
    const forbidden = all.filter(({ file, target }) => !mayImport(layerOf(file), layerOf(target)));
    expect(forbidden.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  it("are documented as they are", () => {
    const table = readFileSync("ARCHITECTURE.md", "utf8").split("<!-- layers:")[1]?.split("\n## ")[0] ?? "";
    const rows = [...table.matchAll(/^\| `([^`]+)` \|.*\|([^|]*)\|$/gm)];
    const documented = rows.map(([, layer, names = ""]) => [layer, names.match(/[\w/-]+/g) ?? []]);
    expect(Object.fromEntries(documented)).toEqual(allowed);
  });

  it("import each other through an index only", () => {
    const deep = all.filter(
      ({ file, target }) =>
        // Generated code loads through these two, which take no more than it needs: a command should start fast.
        !file.startsWith("src/codegen-v1") &&
        target.startsWith("src/") &&
        layerOf(file) !== layerOf(target) &&
        !/^src\/([^/]+|.*\/index)\.ts$/.test(target),
    );
    expect(deep.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });
});
