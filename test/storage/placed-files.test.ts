import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { unreadableContent } from "../../src/storage/file/file-content.ts";
import { fileError } from "../../src/storage/file/file-snapshot.ts";
import { createPlacedFiles } from "../../src/storage/file/placed-files.ts";

const content = (path: string) => unreadableContent(path, "ns-1", fileError("a content like any other", path));

/** Files of which `changing` look different each time. */
function follow(...changing: readonly string[]) {
  const taken: string[] = [];
  const left: string[] = [];
  const placed = createPlacedFiles({
    read: (path) => (path === "absent" ? undefined : content(path)),
    isAsRead: (path) => !changing.includes(path),
    take: (files) => taken.push(...files.map(({ path }) => path)),
    leave: (path) => left.push(path),
  });
  return { placed, taken, left };
}

describe("files that have appeared", () => {
  test("count when a turn of the event loop after the first look has brought nothing new", async () => {
    const { placed, taken, left } = follow("changing");
    for (const path of ["whole", "changing", "absent"]) expect(placed.offer(path)).toBe(true);
    await nextTurn();
    expect(taken).toEqual([]);
    expect(left).toEqual(["absent"]);
    await nextTurn();
    expect(taken).toEqual(["whole"]);
    expect(left).toEqual(["absent", "changing"]);
  });

  test("don't count if another event comes for them, before or after the first look", async () => {
    const { placed, taken, left } = follow();
    placed.offer("early");
    placed.offer("late");
    expect(placed.offer("early")).toBe(false);
    expect(placed.withdraw("early")).toBeLessThanOrEqual(performance.now());
    await nextTurn();
    expect(placed.offer("late")).toBe(false);
    expect(placed.withdraw("late")).toBeLessThanOrEqual(performance.now());
    await nextTurn();
    await nextTurn();
    expect([taken, left, placed.withdraw("late")]).toEqual([[], [], undefined]);
  });

  test("are for the ordinary way if there are many", () => {
    const { placed } = follow();
    const paths = Array.from({ length: 100 }, (_, n) => `${n}`);
    expect(paths.filter((path) => placed.offer(path)).length).toBeLessThan(20);
    placed.clear();
  });
});
