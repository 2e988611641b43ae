import { readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseResources, statusOf } from "../../src/resources/index.ts";
import { widget, WidgetKind } from "../contracts/support/kinds.ts";
import { startChild } from "../support/child.ts";
import { waitFor } from "../support/wait-for.ts";
import { onNewFolder } from "./support/file-bed.ts";

const worker = join(import.meta.dirname, "support/file-worker.ts");
const start = (...args: readonly string[]) => startChild(process.execPath, [worker, ...args]);
const one = { namespace: "ns-1", name: "one" };

describe("processes that write the same file", () => {
  test(
    "lose no update and no status of each other's",
    onNewFolder(async ({ widgets, directory }) => {
      await widgets.write(widget("one", { text: "0" }));
      const workers = [1, 2, 3].map(() => start("count", directory, "40"));
      try {
        await waitFor(() => workers.every((child) => child.ended() !== undefined), { timeout: 18_000 });
        expect(workers.map((child) => child.ended() === "0" || child.output())).toEqual([true, true, true]);
      } finally {
        await Promise.all(workers.map((child) => child.stop()));
      }
      const stored = await widgets.read(one);
      expect(stored.text).toBe("120");
      expect(workers.map(({ pid }) => statusOf(stored, `process-${pid}`)?.reason)).toEqual(["40", "40", "40"]);
      expect(await readdir(join(directory, "widgets/ns-1"))).toEqual(["one.yaml"]);
    }),
  );

  test(
    "leave a whole file and no obstacle when they are killed",
    onNewFolder(async ({ widgets, directory, path }) => {
      await widgets.write(widget("one"));
      for (let round = 0; round < 5; round++) {
        const child = start("churn", directory);
        try {
          await waitFor(() => child.output().includes("ready"));
          const before = await widgets.read(one);
          await waitFor(async () => (await widgets.read(one)).metadata !== before.metadata, { interval: round });
        } finally {
          await child.kill();
        }
        const { documents, problems } = parseResources(WidgetKind, await readFile(path("one"), "utf8"), "one.yaml");
        expect(problems).toEqual([]);
        expect(new Set(documents[0]?.resource.texts).size).toBeLessThanOrEqual(1);
        const begin = performance.now();
        const stored = await widgets.read(one);
        await widgets.write({ ...stored, text: `${round}` }, { overwrite: true });
        expect(performance.now() - begin).toBeLessThan(1_000);
      }
      expect(await readdir(join(directory, "widgets/ns-1"))).toEqual(["one.yaml"]);
    }),
  );

  test(
    "wait for a lock whose owner lives, and remove one whose owner is dead, with what it was writing",
    onNewFolder(async ({ widgets, directory, put }) => {
      await widgets.write(widget("one"));
      const dead = start("count", directory, "0");
      await waitFor(() => dead.ended() !== undefined);
      const folder = join(directory, "widgets/ns-1");
      const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
      const stat = await readFile("/proc/self/stat", "utf8");
      const space = await import("node:fs").then(({ readlinkSync }) => readlinkSync("/proc/self/ns/pid"));
      const system = `${boot}.${space.replace(/\D/g, "")}`;
      await symlink(`${dead.pid}:1:${system}:abandoned`, join(folder, ".one.yaml.epoxy-lock"));
      await put("widgets/ns-1/.abandoned.epoxy-tmp", "half a fi");
      const stored = await widgets.read(one);
      const written = await widgets.write({ ...stored, text: "1" }, { overwrite: true });
      expect(await readdir(folder)).toEqual(["one.yaml"]);

      // Field 22: when the process started.
      const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
      await symlink(`${process.pid}:${started}:${system}:alive`, join(folder, ".one.yaml.epoxy-lock"));
      const signal = AbortSignal.timeout(100);
      await expect(widgets.write({ ...written, text: "2" }, { overwrite: true, signal })).rejects.toThrow("timeout");
      expect((await widgets.read(one)).text).toBe("1");
    }),
  );
});
