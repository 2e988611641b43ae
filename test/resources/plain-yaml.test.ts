import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readPlainYaml } from "../../src/resources/plain-yaml.ts";
import { readText, treeOf } from "../../src/resources/text-tree.ts";
import { parseYaml } from "../../src/resources/yaml-parse.ts";

/** Where the two readers differ about a text; undefined: they agree, or the plain one leaves the text to the other. */
function difference(text: string): string | undefined {
  const plain = readPlainYaml(text);
  if (plain === undefined) return undefined;
  const tree = treeOf(parseYaml(text).documents ?? [], text, "x");
  const [document] = tree.documents;
  const isAlone = tree.documents.length === 1 && tree.problems.length === 0 && document?.index === 0;
  if (!isAlone || !isDeepStrictEqual(plain.json, document.json)) {
    const other = tree.problems[0]?.message ?? JSON.stringify(document?.json);
    return `${JSON.stringify(text)}\nplain: ${JSON.stringify(plain.json)}\nother: ${other}`;
  }
  const lines = text.slice(0, plain.start).split("\n");
  const start = { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
  return isDeepStrictEqual(start, document.locate([], false))
    ? undefined
    : `${JSON.stringify(text)}: start ${plain.start}`;
}

const repository = join(import.meta.dirname, "..", "..");
const corpus = ["test", "examples", "docs"]
  .flatMap((folder) => readdirSync(join(repository, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !entry.parentPath.includes("node_modules"))
  .map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8"));

/** Documents of the corpus, small enough to be changed in many ways. */
const pieces = corpus.flatMap((text) => text.split(/^---.*\n/m)).filter((text) => text.length < 3000);

const scalars = [
  ..."~ null Null NULL true True TRUE false FALSE yes no on off y n 0 -0 1 -1 +1 007 0o7 0x1f 0b1 1_000 1e3 1E-3 1.0 1.50 .5 5. -1.5 -.5".split(
    " ",
  ),
  ..."9007199254740993 123456789012345 0.1 .inf -.Inf .nan 12:30 1:2:3 2024-01-01 2024-01-01T00:00:00Z 15s 0.5s 1h30m 10.0.0.1 10.0.0.0/8".split(
    " ",
  ),
  ..."1.2.3 1.2.3.4:80 a a:b a#b a,b a[0] http://x.y:80/z /api ./a ../b ... .. . = << * *a &a !a !!str %x @x `x | > - ? : # -- --- a- -a $x ^a\\d+$ (a|b) \\x".split(
    " ",
  ),
  ...'\'\' \'a\' \'it\'\'s\' \'a \'a\'b "" "a" "a\\"b" "\\n" "\\u0041" "\\x41" "\\\\" "\\/" "\\0" "a [] {} [a] [1] [a,b] [a,] [,] [[a]] [{}] {a:1}'.split(
    " ",
  ),
  ...[
    "a b",
    "a: b",
    "a :b",
    "a # b",
    "a  b",
    "a ",
    "[ a , 'b' ]",
    "[a b]",
    "{a: 1, b: x}",
    '{a: {b: [1, c]}, "d": {e: f}}',
    "[{a: b}, [c], d]",
    "{a: 1, a: 2}",
    "{a: 1.50, b: 5s, c: -0}",
    "[true, false, True]",
    "[1 , 2 ,3]",
    "[1,, 2]",
    "[1 2]",
    "{a}",
    "{a: }",
    "{null: 1}",
    "{a: null}",
    "{__proto__: 1}",
    "{a: b: c}",
    "{a: b c: d}",
    "[{a: /b}, {a: 1.2.3.4, b: {c: [d, {}]}}]",
    "[/a, //, 1.2.3/4]",
    "[a: b]",
    "{ a: x , b: 'y' } ",
    "[0.5s, 1.5, 1e3]",
    "[1s2, 1.2.3]",
    "{a: 1} b",
    "{a: x#y}",
    "[true, null]",
    "[-0]",
    "[01]",
    "{ }",
    "{a: 1}",
    "'a' b",
    '"a": b',
    "a\tb",
    "\ta",
    "é",
    "日本",
    "a é b",
    "a\u00a0",
    "\u2003",
    "a\u2028b",
    "a\u0085b",
    "😀",
    "\ufeff",
    "null x",
    "true/x",
    "null-a",
  ],
];
const keys = [
  "a",
  "b",
  "a.b/c-d",
  "_x",
  "null",
  "True",
  "__proto__",
  "constructor",
  "toString",
  "<<",
  "1",
  "1.0",
  "yes",
  "'a'",
  '"a"',
  '"@b/c"',
  '"*v1.Proxy.a.b"',
  '"__proto__"',
  '"null"',
  "? a",
  "a b",
  "é",
  "-a",
  "&a a",
  "*a",
];

const line = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 6),
    fc.constantFrom("", "", "", "- ", "- ", "- - ", "-  ", "-"),
    fc.option(fc.oneof({ weight: 4, arbitrary: fc.constantFrom("a", "b", "c", "d", "e") }, fc.constantFrom(...keys)), {
      freq: 5,
    }),
    fc.constantFrom(":", ": ", ": ", ": ", ":  ", " : "),
    fc.oneof(fc.constantFrom("x", "1", ""), fc.constantFrom("x", "y", ""), fc.constantFrom(...scalars)),
    fc.constantFrom("", "", "", "", " ", " # c", "# c", " #", "\r", " # é\u2028x"),
  )
  .map(
    ([indent, dash, name, colon, scalar, tail]) =>
      `${" ".repeat(indent)}${dash}${name === null ? "" : name + colon}${scalar}${tail}`,
  );

const text = fc
  .tuple(
    fc.constantFrom("", "", "", "", "---\n", "# c\n---\n", "--- a\n", "%YAML 1.2\n---\n", "\n", "  \n", "\ufeff"),
    fc.array(line, { minLength: 1, maxLength: 5 }),
    fc.constantFrom("", "\n", "\n", "\n\n", "\n...\n", "\n---\n", "\n# end"),
  )
  .map(([head, lines, tail]) => `${head}${lines.join("\n")}${tail}`);

/** A text with one small thing changed. */
const mutated = fc
  .tuple(
    fc.constantFrom(...pieces),
    fc.nat(),
    fc.nat({ max: 12 }),
    fc.constantFrom(
      "",
      " ",
      "  ",
      "\n",
      "\n ",
      "\n  ",
      "- ",
      ":",
      ": ",
      "#",
      " #",
      "'",
      '"',
      "[",
      "]",
      "{",
      "|",
      ">",
      "&a ",
      "*a",
      "!",
      "\t",
      "\r",
      ",",
      "0",
      "~",
      "\n---\n",
    ),
  )
  .map(([piece, position, removed, added]) => {
    const at = position % (piece.length + 1);
    return `${piece.slice(0, at)}${added}${piece.slice(at + removed)}`;
  });

describe("reading plain YAML", () => {
  test("gives what the reader with positions gives, for all YAML files of this repository", () => {
    const texts = [...corpus, ...pieces];
    expect(texts.map(difference).filter((found) => found !== undefined)).toEqual([]);
    expect(texts.filter((each) => readPlainYaml(each) !== undefined).length).toBeGreaterThan(texts.length / 2);
  });

  test("gives what the reader with positions gives, for each scalar and key in each place", () => {
    const texts = [
      ...scalars.flatMap((scalar) => [
        `a: ${scalar}\n`,
        `- ${scalar}`,
        `a:\n- ${scalar}\nb: ${scalar} # c\n`,
        `a:\n  ${scalar}\n`,
        scalar,
        `a: [${scalar}, ${scalar}]`,
        `- - ${scalar}\n  - x`,
      ]),
      ...keys.flatMap((key) => [`${key}: 1\n`, `- ${key}: x\n  b: y\n`, `${key}:\n  ${key}: x`, `${key}:\n- x`]),
    ];
    expect(texts.map(difference).filter((found) => found !== undefined)).toEqual([]);
  });

  test("gives what the reader with positions gives, for all texts that it reads", () => {
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(text, mutated), (each) => {
        if (readPlainYaml(each) !== undefined) read++;
        expect(difference(each)).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  test("reads the YAML that people write for a virtual service", () => {
    const written = `# The shop.
---
metadata:
  name: shop   # as in DNS
  namespace: gloo-system
virtualHost:
  domains: ["*", 'shop.example.com']
  routes:
  - matchers:
    - prefix: /api
    options: {}
    timeout: 0.5s
    url: http://10.0.0.1:8080/a#b
    weight: 30
`;
    expect(readPlainYaml(written)).toEqual({
      start: 16,
      json: {
        metadata: { name: "shop", namespace: "gloo-system" },
        virtualHost: {
          domains: ["*", "shop.example.com"],
          routes: [
            {
              matchers: [{ prefix: "/api" }],
              options: {},
              timeout: "0.5s",
              url: "http://10.0.0.1:8080/a#b",
              weight: 30,
            },
          ],
        },
      },
    });
  });

  test("leaves a key that is there twice to the reader that says where", () => {
    expect(readPlainYaml("a: 1\nb: 2\na: 3\n")).toBeUndefined();
    expect(readText("a: 1\nb: 2\na: 3\n", "x").problems[0]?.message).toMatch(/x:3:1.*twice/);
  });

  test("reads a resource with the status that a control plane has written, as all have after a while", () => {
    const text =
      'metadata:\n  name: a\nstatus:\n  state: Accepted\n  subresourceStatuses:\n    "*v1.Proxy.gloo-system.gateway-proxy":\n      state: Accepted\n      reportedBy: gloo\n';
    expect(readPlainYaml(text)?.json).toMatchObject({
      status: { subresourceStatuses: { "*v1.Proxy.gloo-system.gateway-proxy": { reportedBy: "gloo" } } },
    });
  });

  test("finds the places of a text that was read as plain", () => {
    const [document] = readText("a:\n- b: 1\n  c: 2\n", "x").documents;
    expect(document?.locate(["a", 0, "c"], true)).toEqual({ line: 3, column: 3 });
    expect(document?.locate([], false)).toEqual({ line: 1, column: 1 });
  });

  test.each([
    ["spaces within plain text", `a: ${"x ".repeat(120_000)}:`],
    ["spaces at the end of a line", `a: x${" ".repeat(250_000)}\u0000`],
    ["dashes", `${"- ".repeat(120_000)}:`],
    ["commas", `a: [${"1 , ".repeat(60_000)}`],
    ["quotes", `a: ${"'".repeat(250_000)}"`],
    ["lines", "a:\n".repeat(80_000)],
    ["indentation", Array.from({ length: 1000 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join("")],
  ])("gives up long hostile texts in little time: %s", (_, hostile) => {
    const start = performance.now();
    expect(readPlainYaml(hostile)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
