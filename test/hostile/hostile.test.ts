import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { VirtualServiceKind } from "../../generated/sdk/index.ts";
import { EpoxyError } from "../../src/errors/index.ts";
import { parseResources, parseSelector } from "../../src/resources/index.ts";
import { createFileStorage } from "../../src/storage/file/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { diagnose } from "../codegen/compile.ts";
import { epoxy, epoxyCommand } from "../cli/support/epoxy.ts";
import { hostileTexts } from "./support/hostile-texts.ts";
import { judge } from "./support/judge.ts";

// Compilers and command lines are processes: on a busy machine they take their time.
vi.setConfig({ testTimeout: 60_000 });

describe("a hostile text", () => {
  test.each(Object.entries(hostileTexts))("with %s gives located errors, and soon", (_, text) => {
    const problems = judge(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("is read within 200 MB of heap, as all of them are", async () => {
    const module = (path: string): string => JSON.stringify(join(import.meta.dirname, path));
    const script = `
      const { hostileTexts } = await import(${module("support/hostile-texts.ts")});
      const { parseResources } = await import(${module("../../src/resources/index.ts")});
      const { VirtualServiceKind } = await import(${module("../../generated/sdk/index.ts")});
      const found = Object.values(hostileTexts).filter((text) => parseResources(VirtualServiceKind, text, "text").problems.length > 0);
      process.stdout.write(String(found.length));
    `;
    const flags = ["--max-old-space-size=200", "--input-type=module", "--eval", script];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { maxBuffer: 1 << 20 });
    expect(stdout).toBe(String(Object.keys(hostileTexts).length));
  });

  test("that is broken hides none of its sound documents", () => {
    const text = "metadata: {name: a, namespace: b}\n---\nmetadata: {name: c, namespace: d}\nx: 1\n";
    const { documents, problems } = parseResources(VirtualServiceKind, text, "text");
    expect(documents.map(({ resource }) => resource.metadata?.name)).toEqual(["a"]);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/^text:4:1: x: unknown field/)]);
  });
});

const names = [
  ...[
    "",
    ".",
    "..",
    "../x",
    "../../etc/passwd",
    "a/../b",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "..\\..\\x",
    "C:\\x",
    "a\0b",
    "\0",
  ],
  ...[
    "a\n",
    "a\r\n",
    " a",
    "a ",
    "A",
    "ä",
    "а",
    "a_b",
    "-a",
    "a-",
    ".a",
    "a.",
    "a..b",
    "%2e%2e%2f",
    "a%00",
    "~",
    "~root",
  ],
  ...["$HOME", "$(id)", "`id`", "a;b", "a|b", "a&b", "*", "?", "[a]", "{a,b}", "__proto__", "con:", "x".repeat(254)],
  ...[
    "x".repeat(100_000),
    "\u202e",
    "\u200b",
    "\ud800",
    "file:///etc/passwd",
    "a#b",
    "a?b",
    "a=b",
    "'a'",
    '"a"',
    "<a>",
  ],
];

describe("a name or namespace", () => {
  let folder: string;
  let storage: Storage;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "epoxy-hostile-"));
    storage = createFileStorage({ directory: join(folder, "data") });
  });
  afterAll(async () => {
    await storage.close();
    await rm(folder, { recursive: true });
  });

  test.each(names.map((name) => [JSON.stringify(name).slice(0, 40), name]))(
    "that is %s reaches no file",
    async (_, name) => {
      const client = storage.client(VirtualServiceKind);
      for (const ref of [
        { namespace: "a", name },
        { namespace: name, name: "a" },
      ]) {
        const resource = VirtualServiceKind.type.codec.fromPartial({ metadata: ref });
        for (const call of [
          () => client.read(ref),
          () => client.write(resource),
          () => client.write(resource, { overwrite: true }),
          () => client.delete(ref),
        ]) {
          const error = await call().then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          expect(error).toBeInstanceOf(EpoxyError);
          expect((error as EpoxyError).code).toBe("invalid");
          expect((error as EpoxyError).message.length).toBeLessThan(1_000);
        }
      }
      expect(await readdir(folder, { recursive: true })).toEqual([]);
    },
  );
});

function thrownBy(call: () => unknown): Error | undefined {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  return undefined;
}

const selectors = [
  ...["=", "==", "!=", "a in", "a in (", "a in (b", "a in b)", "a notin", "in (a)", "a,,b", ",a", "a=b,", "!"],
  ...[
    "!!a",
    "a=b=c",
    "a b",
    "a>b",
    "a<",
    "a>x",
    "a=\0",
    "(",
    ")",
    "a in (b,,c",
    "-a=b",
    "a-=b",
    `${"x".repeat(100_000)}=a`,
  ],
  ...[`a=${"x".repeat(100_000)}`, `a in (${"b,".repeat(50_000)}`, "(".repeat(100_000), "a\n=\nb\n!"],
];

test.each(selectors.map((text) => [JSON.stringify(text).slice(0, 40), text]))(
  "the selector %s is refused, with the position",
  (_, text) => {
    const start = performance.now();
    const error = thrownBy(() => parseSelector(text));
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(error).toMatchObject({ code: "invalid", message: expect.stringMatching(/column \d+: .{1,300}$/s) });
    expect(error?.message.length).toBeLessThan(1_000);
  },
);

const resource = (options: string, fields = "epoxy.core.v1.Metadata metadata = 1;"): string =>
  `message A { option (epoxy.options.v1.resource) = {${options}}; ${fields} }`;

test.each([
  ["a plural that is a path", resource('group: "a.test" version: "v1" plural: "../x"')],
  ["a plural with a slash", resource('group: "a.test" version: "v1" plural: "a/b"')],
  ["a group with a newline", resource('group: "a\\ntest" version: "v1" plural: "as"')],
  ["a version that is a path", resource('group: "a.test" version: "../v1" plural: "as"')],
  ["a kind that is code", resource('group: "a.test" version: "v1" plural: "as" kind: "A; process.exit()"')],
  ["a short name that is an option", resource('group: "a.test" version: "v1" plural: "as" short_names: ["--all"]')],
  ["metadata of another type", resource('group: "a.test" version: "v1" plural: "as"', "string metadata = 1;")],
  [
    "a column through the prototype",
    resource('group: "a.test" version: "v1" plural: "as" columns: [{header: "X" path: "__proto__.x"}]'),
  ],
])("a proto with %s is refused with file, line and column", (_, body) => {
  const errors = diagnose(body);
  expect(errors.length).toBeGreaterThan(0);
  for (const error of errors) expect(error).toMatch(/^a\.proto:\d+:\d+: .{10,400}$/s);
});

test.each([
  ["get", "../../etc/passwd"],
  ["get", "vs", "../../../etc/passwd"],
  ["get", "vs", "--namespace", "../.."],
  ["get", "vs", "--dir", "/dev/null"],
  ["get", "vs", "--config", "/dev/null/x"],
  ["get", "__proto__"],
  ["get", "constructor", "prototype"],
  ["add", "route", "--path-exact", "a\nb", "--dest-name", "../x"],
  ["delete", "vs", "../x"],
  ["--__proto__", "x"],
  ["get", "vs", `--${"x".repeat(10_000)}`],
  ["create", "-f", "/dev/null/x"],
  ["get", "vs", "--config", "/dev/zero"],
  ["create", "-f", "/dev/zero"],
  ["apply", "-f", "/dev/zero"],
])("the command line %s %s ends with an error in words", async (...words) => {
  const { code, stdout, stderr } = await epoxy(
    words.some((word) => word === "--dir") ? words : [...words, "--dir", tmpdir()],
  );
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^error: /);
  expect(stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect(code === 1 || code === 2).toBe(true);
});

test("a named pipe that nobody writes to is empty, one that somebody writes to is read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-hostile-"));
  try {
    const run = promisify(execFile);
    await run("mkfifo", [join(folder, "pipe.yaml")]);
    const silent = await epoxy(["validate", join(folder, "pipe.yaml")]);
    expect(silent).toMatchObject({ code: 1, stderr: expect.stringContaining("there is nothing in") as unknown });
    const folderOf = await epoxy(["validate", folder]);
    expect(folderOf.code).toBe(1);
    const script = `exec ${epoxyCommand.join(" ")} validate <(sleep 0.3; printf 'statc: {}\\n')`;
    const written = await run("bash", ["-c", script]).catch((error: unknown) => error as { stdout: string });
    expect(written.stdout).toContain("/dev/fd/");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a file of a terabyte is an error of its own, and hides no other file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-hostile-"));
  await using storage = createFileStorage({ directory: folder });
  try {
    const place = join(folder, VirtualServiceKind.plural, "a");
    await mkdir(place, { recursive: true });
    await writeFile(join(place, "sound.yaml"), "metadata: {name: sound, namespace: a}\n");
    await writeFile(join(place, "huge.yaml"), "");
    await truncate(join(place, "huge.yaml"), 2 ** 40);
    await symlink("/dev/zero", join(place, "endless.yaml"));
    const { items, problems } = await storage.client(VirtualServiceKind).list({ namespaces: ["a"] });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["sound"]);
    expect(problems.map(({ error }) => error.message).toSorted()).toEqual([
      `${join(place, "endless.yaml")} is not a file`,
      `${join(place, "huge.yaml")} has 1048576 MiB, more than the 64 MiB a file may have: split it`,
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("there are 200 of them", () => {
  const count = Object.keys(hostileTexts).length + names.length * 2 + selectors.length + 8 + 15;
  expect(count).toBeGreaterThanOrEqual(200);
});
