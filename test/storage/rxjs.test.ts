import { firstValueFrom, map, scan, take, toArray } from "rxjs";
import { expect, test } from "vitest";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { watch$ } from "../../src/storage/rxjs/index.ts";
import { widget, WidgetKind } from "../contracts/support/kinds.ts";

test("a watch as an Observable emits the same events, once for each subscription", async () => {
  await using storage = createMemoryStorage();
  const widgets = storage.client(WidgetKind);
  await widgets.write(widget("one"));
  const types = watch$(widgets).pipe(
    map(({ type }) => type),
    take(2),
    toArray(),
  );
  const both = Promise.all([firstValueFrom(types), firstValueFrom(types)]);
  const count = firstValueFrom(
    watch$(widgets).pipe(
      scan((sum, event) => sum + (event.type === "state" ? event.items.length : 0), 0),
      take(1),
    ),
  );
  expect(await count).toBe(1);
  await widgets.write(widget("two"));
  expect(await both).toEqual([
    ["state", "changes"],
    ["state", "changes"],
  ]);
});

test("it completes when the storage is closed, and errors with the signal's reason", async () => {
  const storage = createMemoryStorage();
  const widgets = storage.client(WidgetKind);
  const completed = firstValueFrom(watch$(widgets).pipe(toArray()));
  const controller = new AbortController();
  const failed = firstValueFrom(watch$(widgets, { signal: controller.signal }).pipe(toArray()));
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(failed).rejects.toBe(reason);
  await expect.poll(async () => (await widgets.list()).items.length).toBe(0);
  await storage.close();
  expect((await completed).map(({ type }) => type)).toEqual(["state"]);
});
