import { renameSync, writeFileSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { isConflict, isInvalid } from "../../src/errors/index.ts";
import { UpstreamKind } from "../../generated/sdk/gloo/v1.ts";
import { VirtualServiceKind } from "../../generated/sdk/gateway/v1.ts";
import { statusOf } from "../../src/resources/index.ts";
import { createFileStorage } from "../../src/storage/file/index.ts";
import { follow } from "../contracts/support/follow.ts";
import { status, territory, TerritoryKind, widget, WidgetKind, withVersion } from "../contracts/support/kinds.ts";
import { onNewFolder, yaml } from "./support/file-bed.ts";
import { putFile } from "./support/files.ts";

const one = { namespace: "ns-1", name: "one" };
const two = { namespace: "ns-1", name: "two" };
const petstore = { namespace: "gloo-system", name: "petstore" };

describe("a resource's file", () => {
  test(
    "is at plural/namespace/name.yaml, holds no version, and is made with the folders that it needs",
    onNewFolder(async ({ widgets, directory, storage }) => {
      await widgets.write(widget("one", { text: "hello" }));
      expect(await readFile(join(directory, "widgets/ns-1/one.yaml"), "utf8")).toBe(
        "metadata:\n  name: one\n  namespace: ns-1\ntext: hello\n",
      );
      await storage.client(TerritoryKind).write(territory("world"));
      expect(await readdir(join(directory, "territories"))).toEqual(["world.yaml"]);
    }),
  );

  test(
    "keeps comments, order and other documents when one of them is overwritten or deleted",
    onNewFolder(async ({ widgets, path, put }) => {
      await put("widgets/ns-1/all.yaml", `# first\n${yaml("one", "1")}---\n# second\n${yaml("two", "2")}`);
      const stored = await widgets.read(one);
      await widgets.write({ ...stored, text: "changed" }, { overwrite: true });
      const edited = await readFile(path("all"), "utf8");
      expect(edited).toContain(`---\n# second\n${yaml("two", "2")}`);
      expect(edited).toMatch(/text: "?changed"?\n/);
      expect(edited.match(/# first/g)).toHaveLength(1);
      await widgets.delete(one);
      expect(await readFile(path("all"), "utf8")).toContain(`# second\n${yaml("two", "2")}`);
      expect((await widgets.list()).items.map(({ metadata }) => metadata?.name)).toEqual(["two"]);
      await widgets.delete(two);
      await expect(stat(path("all"))).rejects.toThrow("ENOENT");
    }),
  );

  test(
    "takes another document if its name is taken by a file that holds something else",
    onNewFolder(async ({ widgets, path, put }) => {
      await put("widgets/ns-1/two.yaml", yaml("one", "1"));
      await widgets.write(widget("two", { text: "2" }));
      expect(await readFile(path("two"), "utf8")).toContain(yaml("one", "1"));
      expect((await widgets.list()).items.map(({ text }) => text)).toEqual(["1", "2"]);
    }),
  );

  test.each([
    ["yml", yaml("one", "1"), (text: string): unknown => parse(text)],
    [
      "json",
      '{"metadata": {"name": "one", "namespace": "ns-1"}, "text": "1"}',
      (text: string): unknown => JSON.parse(text),
    ],
  ])("may end in .%s, and is overwritten where it is, in its format", (extension, content, read) =>
    onNewFolder(async ({ widgets, directory, put }) => {
      await put(`widgets/ns-1/one.${extension}`, content);
      const stored = await widgets.read(one);
      expect(stored.text).toBe("1");
      await widgets.write({ ...stored, text: "2" }, { overwrite: true });
      await widgets.writeStatus(one, "gloo-system", status(1));
      expect(await readdir(join(directory, "widgets/ns-1"))).toEqual([`one.${extension}`]);
      const text = await readFile(join(directory, `widgets/ns-1/one.${extension}`), "utf8");
      expect(read(text)).toMatchObject({ text: "2" });
      expect((await widgets.read(one)).text).toBe("2");
    })(),
  );

  test(
    "keeps its mode, and is written through a link to it",
    onNewFolder(async ({ widgets, directory, path, put }) => {
      await put("elsewhere/real.yaml", yaml("one", "1"));
      await chmod(join(directory, "elsewhere/real.yaml"), 0o640);
      await mkdir(dirname(path("one")), { recursive: true });
      await symlink(join(directory, "elsewhere/real.yaml"), path("one"));
      const stored = await widgets.read(one);
      await widgets.write({ ...stored, text: "2" }, { overwrite: true });
      expect((await lstat(path("one"))).isSymbolicLink()).toBe(true);
      expect((await stat(path("one"))).mode & 0o777).toBe(0o640);
      expect(await readFile(join(directory, "elsewhere/real.yaml"), "utf8")).toContain('text: "2"');
    }),
  );

  test(
    "is not replaced by a writer who has not seen what an editor saved",
    onNewFolder(async ({ widgets, path }) => {
      const written = await widgets.write(widget("one", { text: "1" }));
      await writeFile(path("one"), yaml("one", "edited"));
      await expect(widgets.write({ ...written, text: "2" }, { overwrite: true })).rejects.toSatisfy(isConflict);
      await expect(widgets.delete(one, { resourceVersion: written.metadata?.resourceVersion ?? "" })).rejects.toSatisfy(
        isConflict,
      );
      expect((await widgets.read(one)).text).toBe("edited");
    }),
  );

  test(
    "that can't be read is neither replaced nor deleted, and the error says where it is",
    onNewFolder(async ({ widgets, path, put }) => {
      await put("widgets/ns-1/one.yaml", "metadata: {name: one\n");
      const writes = [
        widgets.write(widget("one")),
        widgets.write(withVersion(widget("one"), "x"), { overwrite: true }),
        widgets.delete(one),
      ];
      for (const write of writes) {
        const error: unknown = await write.catch((reason: unknown) => reason);
        expect(isConflict(error)).toBe(true);
        expect((error as Error).message).toContain(path("one"));
      }
      expect(await readFile(path("one"), "utf8")).toBe("metadata: {name: one\n");
    }),
  );

  test(
    "that is empty is filled",
    onNewFolder(async ({ widgets, put }) => {
      await put("widgets/ns-1/one.yaml", "");
      await widgets.write(widget("one", { text: "1" }));
      expect((await widgets.read(one)).text).toBe("1");
    }),
  );

  test(
    "is found by the name in its metadata, with and without a watch",
    onNewFolder(async ({ widgets, put, signal }) => {
      await put("widgets/ns-1/any.yaml", yaml("one", "1"));
      expect((await widgets.read(one)).text).toBe("1");
      await follow(widgets.watch({ signal })).sees("ns-1/one");
      const stored = await widgets.read(one);
      await widgets.write({ ...stored, text: "2" }, { overwrite: true });
      expect((await widgets.list()).items.map(({ text }) => text)).toEqual(["2"]);
      await expect(widgets.write(widget("one"))).rejects.toThrow("exists");
    }),
  );

  test(
    "deleting removes a resource from every file that claims it",
    onNewFolder(async ({ widgets, put }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "1"));
      await put("widgets/ns-1/copy.yaml", yaml("one", "2"));
      await widgets.delete(one);
      expect(await widgets.list()).toEqual({ items: [], problems: [] });
    }),
  );
});

describe("a status", () => {
  const commented = `# why it is here
apiVersion: test.epoxy.io/v1
kind: Widget
metadata:
  name: one # the first
  namespace: ns-1
spec:
  text: 'quoted'   # and commented
  texts: [a,   b]
`;

  test(
    "is added to a commented file without touching anything else",
    onNewFolder(async ({ widgets, path, put }) => {
      await put("widgets/ns-1/one.yaml", commented);
      await widgets.writeStatus(one, "gloo-system", status(1));
      const text = await readFile(path("one"), "utf8");
      expect(text.startsWith(commented)).toBe(true);
      expect(text.slice(commented.length)).toContain("state: Accepted");
      expect(text.slice(commented.length)).toMatch(/^status:/);
    }),
  );

  test(
    "gives way to an editor who saves while it is being written",
    onNewFolder(async ({ widgets, path, put }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "0"));
      for (let round = 0; round < 10; round++) {
        const saved = `${yaml("one", `edit ${round}`)}# the editor's\n`;
        // Asked just before the write: the editor saves then, or one or more turns of the event loop later. In this thread, so not between the last
        // look at the file and the rename, which no system call makes one.
        const save = (turns: number): void => {
          if (turns > 0) return void setImmediate(save, turns - 1);
          writeFileSync(`${path("one")}~`, saved);
          renameSync(`${path("one")}~`, path("one"));
        };
        let asked = 0;
        const precondition = ({ text }: { text: string }) => {
          if (++asked === 2) save(round);
          return !text.startsWith(`edit ${round}`);
        };
        await widgets.writeStatus(one, "gloo-system", status(1, `${round}`), { precondition });
        await expect.poll(async () => await readFile(path("one"), "utf8")).toContain(`edit ${round}`);
        expect(await readFile(path("one"), "utf8")).toContain("# the editor's");
      }
    }),
  );

  test(
    "of a broken file is an error, and the file stays as it is",
    onNewFolder(async ({ widgets, path, put }) => {
      await put("widgets/ns-1/one.yaml", "metadata: {name: one\n");
      await expect(widgets.writeStatus(one, "gloo-system", status(1))).rejects.toSatisfy(isInvalid);
      expect(await readFile(path("one"), "utf8")).toBe("metadata: {name: one\n");
    }),
  );

  test(
    "goes to the status directory, if there is one, and the resource's file is never touched",
    onNewFolder(async ({ directory, path, put, signal }) => {
      const statusDirectory = `${directory}-status`;
      const storage = createFileStorage({ directory, statusDirectory });
      const widgets = storage.client(WidgetKind);
      await put("widgets/ns-1/one.yaml", commented);
      const before = await stat(path("one"), { bigint: true });
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      await widgets.writeStatus(one, "gloo-system", status(2, "because"));
      const after = await stat(path("one"), { bigint: true });
      expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
      expect(await readdir(join(statusDirectory, "widgets/ns-1"))).toEqual(["one.yaml"]);
      await seen.until(({ items }) => statusOf(items.get("ns-1/one") ?? {}, "gloo-system")?.reason === "because");
      await rm(statusDirectory, { recursive: true });
      await seen.until(({ items }) => statusOf(items.get("ns-1/one") ?? {}, "gloo-system") === undefined);
      await widgets.writeStatus(one, "gloo-system", status(2, "again"));
      await seen.until(({ items }) => statusOf(items.get("ns-1/one") ?? {}, "gloo-system")?.reason === "again");
      await widgets.delete(one);
      expect(await readdir(join(statusDirectory, "widgets/ns-1"))).toEqual([]);
      await storage.close();
    }),
  );
});

describe("the layout", () => {
  test(
    "is Gloo's for Gloo's kinds, and reads Gloo's files",
    onNewFolder(async ({ directory, storage, put }) => {
      await put(
        "virtualservices/gloo-system/default.yaml",
        `metadata:
  name: default
  namespace: gloo-system
  resourceVersion: "2"
status:
  reportedBy: gateway
  state: 1
  subresourceStatuses:
    '*v1.Proxy.gloo-system.gateway-proxy': {reportedBy: gloo, state: Accepted}
virtualHost:
  domains: ['*']
  routes:
  - matchers: [{exact: /petstore}]
    options: {prefixRewrite: /api/pets}
    routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}
`,
      );
      const { items, problems } = await storage.client(VirtualServiceKind).list({ namespaces: ["gloo-system"] });
      expect(problems).toEqual([]);
      expect(items[0]?.virtualHost?.domains).toEqual(["*"]);
      expect(items[0]?.metadata?.resourceVersion).not.toBe("2");
      expect(statusOf(items[0] ?? {}, "gloo-system")?.state).toBe(1);
      await storage.client(UpstreamKind).write(UpstreamKind.type.codec.fromPartial({ metadata: petstore }));
      expect(await readdir(join(directory, "upstreams/gloo-system"))).toEqual(["petstore.yaml"]);
    }),
  );

  test(
    "has no folder per kind where the options say so, as Settings are kept",
    onNewFolder(async ({ directory, signal }) => {
      const storage = createFileStorage({ directory, folder: () => "" });
      const widgets = storage.client(WidgetKind);
      await putFile(join(directory, "docker-compose.yaml"), "services: {}\n");
      await putFile(join(directory, "config/widgets/ns-1/nested.yaml"), yaml("nested", "1"));
      await putFile(join(directory, "ns-1/one.yaml"), yaml("one", "1"));
      expect(await widgets.list()).toMatchObject({ items: [{ text: "1" }], problems: [] });
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      await widgets.write(widget("two"));
      await seen.sees("ns-1/one", "ns-1/two");
      expect(await readdir(join(directory, "ns-1"))).toEqual(["one.yaml", "two.yaml"]);
      await storage.close();
    }),
  );
});
