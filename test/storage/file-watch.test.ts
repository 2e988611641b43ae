import { appendFileSync, renameSync, unlinkSync, watch as watchPath, writeFileSync } from "node:fs";
import { mkdir, open, rename, rm, symlink, truncate, unlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Follower, follow } from "../contracts/support/follow.ts";
import { type Widget, widget } from "../contracts/support/kinds.ts";
import { waitFor } from "../support/wait-for.ts";
import type { WatchFolder } from "../../src/storage/file/folder-watcher.ts";
import { onNewFolder, yaml } from "./support/file-bed.ts";

const text = (seen: Follower<Widget>, name: string) => seen.items.get(`ns-1/${name}`)?.text;
const changesIn = (seen: Follower<Widget>) => seen.events.filter(({ type }) => type === "changes").length;

/** A watch whose events come when the test says so. */
function firedByHand(): { readonly watch: WatchFolder; fire(type: string, name: string): void } {
  const listeners: ((type: string, name: string) => void)[] = [];
  return {
    watch(path, onEvent) {
      if (path.endsWith("ns-1")) listeners.push(onEvent);
      return watchPath(path, () => undefined);
    },
    fire: (type, name) => {
      for (const listener of listeners) listener(type, name);
    },
  };
}

describe("a watch of files", () => {
  test(
    "sees a file saved in place, and one moved into place, within 100 ms",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "0"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      const delays: number[] = [];
      for (let n = 1; n <= 10; n++) {
        const start = performance.now();
        if (n % 2 === 0) await writeFile(path("one"), yaml("one", `${n}`));
        else {
          await writeFile(`${path("one")}~`, yaml("one", `${n}`));
          await rename(`${path("one")}~`, path("one"));
        }
        await seen.until(() => text(seen, "one") === `${n}`);
        delays.push(performance.now() - start);
      }
      delays.sort((a, b) => a - b);
      expect(delays[5]).toBeLessThan(100);
    }),
  );

  // Elsewhere the system doesn't tell a file that came from one that was written.
  test.runIf(process.platform === "linux")(
    "tells of a file that was moved into place without waiting for more to be written",
    async () => {
      const { fire, watch } = firedByHand();
      const onBed = onNewFolder(
        async ({ widgets, put, path, signal }) => {
          await put("widgets/ns-1/one.yaml", yaml("one", "1"));
          const seen = follow(widgets.watch({ signal }));
          await seen.sees("ns-1/one");
          const turnsUntilSeen: number[] = [];
          for (const next of ["2", "3", "4", "5", "6"]) {
            writeFileSync(`${path("one")}~`, yaml("one", next));
            renameSync(`${path("one")}~`, path("one"));
            fire("rename", "one.yaml");
            let turns = 0;
            for (; text(seen, "one") !== next; turns++) await nextTurn();
            turnsUntilSeen.push(turns);
          }
          expect(Math.min(...turnsUntilSeen)).toBeLessThan(8);
        },
        { watch },
      );
      await onBed();
    },
  );

  test("doesn't take a file that is written in place, and has just appeared, for one that was moved there", async () => {
    const { fire, watch } = firedByHand();
    const onBed = onNewFolder(
      async ({ widgets, put, path, signal }) => {
        await put("widgets/ns-1/other.yaml", yaml("other", "1"));
        const seen = follow(widgets.watch({ signal }));
        await seen.sees("ns-1/other");
        for (let n = 1; n <= 20; n++) {
          writeFileSync(path(`w-${n}`), `metadata:\n  name: w-${n}\n`);
          fire("rename", `w-${n}.yaml`);
          // After the look at the file, before it counts.
          await nextTurn();
          appendFileSync(path(`w-${n}`), "text: whole\n");
          await seen.until(({ items }) => items.has(`ns-1/w-${n}`));
        }
        expect(
          seen.events.flatMap((event) => (event.type === "changes" ? event.changed : [])).map((it) => it.text),
        ).toEqual(Array.from({ length: 20 }, () => "whole"));
      },
      { watch },
    );
    await onBed();
  });

  test(
    "reads only the file that has changed",
    onNewFolder(async ({ widgets, put, signal }) => {
      for (let n = 0; n < 50; n++) await put(`widgets/ns-1/w-${n}.yaml`, yaml(`w-${n}`, "0"));
      const seen = follow(widgets.watch({ signal }));
      await seen.until(({ items }) => items.size === 50);
      await put("widgets/ns-1/w-7.yaml", yaml("w-7", "1"));
      await seen.until(() => text(seen, "w-7") === "1");
      const changed = seen.events.flatMap((event) => (event.type === "changes" ? event.changed : []));
      expect(changed.map(({ metadata }) => metadata?.name)).toEqual(["w-7"]);
    }),
  );

  test(
    "keeps what a file held while it is empty, cut or no YAML, and reports the latter two only if they stay",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "good"));
      await put("widgets/ns-1/two.yaml", yaml("two", "0"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one", "ns-1/two");

      await truncate(path("one"));
      await seen.until(({ problems }) => problems.length === 1);
      expect(seen.problems[0]).toMatchObject({ ref: { namespace: "ns-1", name: "one" }, lastGoodKept: true });
      expect(seen.problems[0]?.error.message).toContain("empty");
      expect(text(seen, "one")).toBe("good");

      await writeFile(path("one"), "metadata: {name: one\n");
      await seen.until(({ problems }) => problems[0]?.error.message.includes("YAML") === true);
      expect(text(seen, "one")).toBe("good");
      await put("widgets/ns-1/two.yaml", yaml("two", "1"));
      await seen.until(() => text(seen, "two") === "1");

      await writeFile(path("one"), yaml("one", "mended"));
      await seen.until(({ problems }) => problems.length === 0);
      expect(text(seen, "one")).toBe("mended");
    }),
  );

  test.each([
    ["a bracket that isn't closed", "metadata: {name: two\n", "all.yaml:6:1"],
    ["a stray bracket", "]\n", "all.yaml:5:1"],
    ["a quote that isn't closed", 'metadata: {name: two}\ntext: "two\n', "all.yaml:7:1"],
    ["brackets in brackets without end", `metadata: ${"[".repeat(500)}\n`, "all.yaml:5:"],
  ])("reads all documents of a file but the one with %s, and says where that is", (_fault, broken, place) =>
    onNewFolder(async ({ widgets, put, signal }) => {
      await put("widgets/ns-1/all.yaml", `${yaml("one", "1")}---\n${broken}---\n${yaml("three", "3")}`);
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one", "ns-1/three");
      expect(seen.problems).toMatchObject([{ lastGoodKept: false, hidesOthers: "probably" }]);
      expect(seen.problems[0]?.error.message).toContain(place);
      const { items } = await widgets.list();
      expect(items.map(({ metadata }) => metadata?.name)).toEqual(["one", "three"]);
    })(),
  );

  test(
    "never shows that a file vanished or was empty for less than 50 ms",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "0"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      for (let n = 1; n <= 5; n++) {
        const start = performance.now();
        if (n % 2 === 0) await unlink(path("one"));
        else await truncate(path("one"));
        await sleep(10);
        await writeFile(path("one"), yaml("one", `${n}`));
        const wasAway = performance.now() - start;
        await seen.until(() => text(seen, "one") === `${n}`);
        if (wasAway > 45) return; // The machine was too busy for the test to say anything.
      }
      expect(seen.events.every((event) => event.type !== "changes" || event.removed.length === 0)).toBe(true);
      expect(seen.events.every((event) => !("problems" in event) || event.problems.length === 0)).toBe(true);
    }),
  );

  test(
    "removes what a deleted file held, and a document that left its file, and nothing else",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/all.yaml", `${yaml("one", "1")}---\n${yaml("two", "2")}---\n${yaml("three", "3")}`);
      await put("widgets/ns-1/four.yaml", yaml("four", "4"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one", "ns-1/two", "ns-1/three", "ns-1/four");
      await writeFile(path("all"), `${yaml("one", "1")}---\n${yaml("three", "3")}`);
      await seen.sees("ns-1/one", "ns-1/three", "ns-1/four");
      await unlink(path("all"));
      await seen.sees("ns-1/four");
      const removed = seen.events.flatMap((event) => (event.type === "changes" ? event.removed : []));
      expect(removed.map(({ name }) => name)).toEqual(["two", "one", "three"]);
    }),
  );

  test(
    "keeps a broken document's last good version, and follows the others of its file",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/all.yaml", `${yaml("one", "1")}---\n${yaml("two", "1")}---\n${yaml("three", "1")}`);
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one", "ns-1/two", "ns-1/three");
      await writeFile(path("all"), `${yaml("one", "2")}---\nmetadata: {name: two}\ntxet: typo\n`);
      await seen.sees("ns-1/one", "ns-1/two");
      expect(text(seen, "one")).toBe("2");
      expect(text(seen, "two")).toBe("1");
      expect(seen.problems).toMatchObject([
        { ref: { namespace: "ns-1", name: "two" }, lastGoodKept: true, location: { line: 6 } },
      ]);
    }),
  );

  test(
    "sees folders that appear, vanish and come back, the directory itself included",
    onNewFolder(async ({ widgets, directory, put, signal }) => {
      const seen = follow(widgets.watch({ signal }));
      await seen.sees();
      await put("widgets/ns-1/one.yaml", yaml("one", "1"));
      await seen.sees("ns-1/one");
      await put("widgets/ns-2/two.yaml", yaml("two", "1"));
      await seen.sees("ns-1/one", "ns-2/two");
      await rm(join(directory, "widgets/ns-1"), { recursive: true });
      await seen.sees("ns-2/two");
      await put("widgets/ns-1/one.yaml", yaml("one", "2"));
      await seen.sees("ns-1/one", "ns-2/two");
      await rename(directory, `${directory}-away`);
      await seen.sees();
      await rename(`${directory}-away`, directory);
      await seen.sees("ns-1/one", "ns-2/two");
      await rm(directory, { recursive: true });
      await seen.sees();
      await put("widgets/ns-3/three.yaml", yaml("three", "1"));
      await seen.sees("ns-3/three");
      await put("widgets/ns-3/three.yaml", yaml("three", "2"));
      await seen.until(({ items }) => items.get("ns-3/three")?.text === "2");
      expect(seen.isStale).toBe(false);
    }),
  );

  test(
    "follows the links of a mounted ConfigMap when they are swapped",
    onNewFolder(async ({ widgets, directory, signal }) => {
      const folder = join(directory, "widgets/ns-1");
      const revision = async (name: string, files: Record<string, string>) => {
        await mkdir(join(folder, name), { recursive: true });
        for (const [file, content] of Object.entries(files)) await writeFile(join(folder, name, file), content);
        await symlink(name, join(folder, "..data_tmp"));
        await rename(join(folder, "..data_tmp"), join(folder, "..data"));
      };
      await revision("..2026_01", { "one.yaml": yaml("one", "1"), "two.yaml": yaml("two", "1") });
      for (const name of ["one.yaml", "two.yaml"]) await symlink(join("..data", name), join(folder, name));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one", "ns-1/two");
      await revision("..2026_02", { "one.yaml": yaml("one", "2"), "two.yaml": yaml("two", "1") });
      await rm(join(folder, "..2026_01"), { recursive: true });
      await seen.until(() => text(seen, "one") === "2");
      await seen.sees("ns-1/one", "ns-1/two");
      expect(seen.problems).toEqual([]);
    }),
  );

  test(
    "takes no notice of what editors and writers leave beside the files",
    onNewFolder(async ({ widgets, put, signal }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "1"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      for (const name of [".one.yaml.swp", "one.yaml~", ".#one.yaml", "4913", ".x.epoxy-tmp", "README.md"]) {
        await put(`widgets/ns-1/${name}`, "nothing: [\n");
      }
      await put("widgets/ns-1/two.yaml", yaml("two", "1"));
      await seen.sees("ns-1/one", "ns-1/two");
      expect(seen.problems).toEqual([]);
      expect(changesIn(seen)).toBe(1);
    }),
  );

  test(
    "names both files that claim one resource, and keeps to the one named for it",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "own"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      await put("widgets/ns-1/all.yaml", yaml("one", "other"));
      await seen.until(({ problems }) => problems.length === 1);
      expect(seen.problems[0]?.location.source).toBe(path("all"));
      expect(seen.problems[0]?.error.message).toContain(path("one"));
      expect(text(seen, "one")).toBe("own");
      expect((await widgets.read({ namespace: "ns-1", name: "one" })).text).toBe("own");
      await unlink(path("one"));
      await seen.until(() => text(seen, "one") === "other");
      expect(seen.problems).toEqual([]);
    }),
  );

  test(
    "reports files in the wrong place, of another kind and that are none",
    onNewFolder(async ({ widgets, directory, put, signal }) => {
      await put("widgets/stray.yaml", yaml("stray", "1"));
      await put("widgets/ns-1/lost.yaml", "metadata: {name: lost, namespace: ns-2}\ntext: x\n");
      await put("widgets/ns-1/alien.yaml", "apiVersion: test.epoxy.io/v1\nkind: Gadget\nmetadata: {name: alien}\n");
      await mkdir(join(directory, "widgets/ns-1/folder.yaml"));
      await put("widgets/ns-1/good.yaml", yaml("good", "1"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/good");
      const messages = seen.problems.map(({ error }) => error.message).sort();
      expect(messages).toHaveLength(3);
      expect(messages.join("\n")).toContain("move it to");
      expect(messages.join("\n")).toContain("is in the folder of namespace ns-1");
      expect(messages.join("\n")).toContain("expected test.epoxy.io/v1 Widget, found test.epoxy.io/v1 Gadget");
    }),
  );

  test(
    "reads folders again and again that the system won't watch, and says what to do about it",
    onNewFolder(
      async ({ widgets, put, signal }) => {
        await put("widgets/ns-1/one.yaml", yaml("one", "1"));
        const seen = follow(widgets.watch({ signal }));
        await seen.sees("ns-1/one");
        expect(seen.problems[0]?.error.message).toContain("fs.inotify.max_user_watches");
        await put("widgets/ns-1/one.yaml", yaml("one", "2"));
        await seen.until(() => text(seen, "one") === "2");
      },
      {
        watch: (path, onEvent) => {
          if (path.endsWith("ns-1")) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
          return watchPath(path, onEvent);
        },
      },
    ),
  );

  test(
    "finds by looking what no event has told, and tells nothing of what is unchanged",
    onNewFolder(
      async ({ widgets, put, signal }) => {
        await put("widgets/ns-1/one.yaml", yaml("one", "1"));
        const seen = follow(widgets.watch({ signal }));
        await seen.sees("ns-1/one");
        await put("widgets/ns-1/one.yaml", yaml("one", "2"));
        await seen.until(() => text(seen, "one") === "2");
        await put("widgets/ns-1/two.yaml", yaml("two", "1"));
        await seen.sees("ns-1/one", "ns-1/two");
        expect(changesIn(seen)).toBe(2);
      },
      // Watches, but hears nothing, as on a network file system.
      { rescanInterval: 20, watch: (path) => watchPath(dirname(path), () => undefined) },
    ),
  );

  test("sees all of a change to so many files that the system loses events", async () => {
    let heard = 0;
    const onBedThatForgets = onNewFolder(
      async ({ widgets, path, signal }) => {
        const all = Array.from({ length: 1_000 }, (_, n) => `w-${n}`);
        await mkdir(dirname(path("any")), { recursive: true });
        for (const name of all) writeFileSync(path(name), yaml(name, "1"));
        const seen = follow(widgets.watch({ signal }));
        await waitFor(() => seen.items.size === all.length);
        // As a checkout does it: three events for each file, without a pause.
        for (const name of all) {
          unlinkSync(path(name));
          writeFileSync(path(name), yaml(name, "2"));
        }
        await waitFor(() => all.every((name) => text(seen, name) === "2"));
        expect(heard).toBeGreaterThan(1_500);
        expect(seen.events.every((event) => event.type !== "changes" || event.removed.length === 0)).toBe(true);
      },
      {
        // A queue of 1,500 events, which overflows silently as the system's does.
        watch: (path, onEvent) =>
          watchPath(path, (type, name) => {
            if (heard++ < 1_500) onEvent(type, name);
          }),
      },
    );
    await onBedThatForgets();
  });

  test(
    "is served to several consumers, and ends for each on its own",
    onNewFolder(async ({ widgets, put, signal }) => {
      const controller = new AbortController();
      const first = follow(widgets.watch({ signal: controller.signal }));
      const second = follow(widgets.watch({ namespaces: ["ns-2"], signal }));
      await first.sees();
      await second.sees();
      await put("widgets/ns-1/one.yaml", yaml("one", "1"));
      await put("widgets/ns-2/two.yaml", yaml("two", "1"));
      await first.sees("ns-1/one", "ns-2/two");
      await second.sees("ns-2/two");
      controller.abort();
      await first.until(({ outcome }) => outcome !== undefined);
      await put("widgets/ns-2/three.yaml", yaml("three", "1"));
      await second.sees("ns-2/two", "ns-2/three");
      const third = follow(widgets.watch({ signal }));
      await third.sees("ns-1/one", "ns-2/two", "ns-2/three");
      expect(first.items.size).toBe(2);
    }),
  );

  test(
    "sees a file written slowly once it is whole",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      const whole = `${yaml("one", "1")}---\n${yaml("two", "1")}`;
      await put("widgets/ns-1/all.yaml", whole);
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one", "ns-1/two");
      const file = await open(path("all"), "w");
      const next = whole.replaceAll('"1"', '"2"');
      for (let at = 0; at < next.length; at += 10) {
        await file.write(next.slice(at, at + 10));
        await sleep(1);
      }
      await file.close();
      await seen.until(() => text(seen, "one") === "2" && text(seen, "two") === "2");
      expect(seen.events.every((event) => event.type !== "changes" || event.removed.length === 0)).toBe(true);
    }),
  );

  test(
    "tells a touched file's resource under its new version, with which it can be written",
    onNewFolder(async ({ widgets, put, path, signal }) => {
      await put("widgets/ns-1/one.yaml", yaml("one", "1"));
      const seen = follow(widgets.watch({ signal }));
      await seen.sees("ns-1/one");
      await utimes(path("one"), 1, 1);
      const written = await waitFor(async () => {
        const latest = seen.items.get("ns-1/one") ?? widget("one");
        return await widgets.write({ ...latest, text: "2" }, { overwrite: true });
      });
      expect(written.text).toBe("2");
    }),
  );
});
