import { describe, expect, test } from "vitest";
import { createMemoryStorage } from "../../src/storage/index.ts";
import { widget, WidgetKind } from "../contracts/support/kinds.ts";
import { storageContract } from "../contracts/storage.contract.ts";

storageContract("memory", {
  async open() {
    const storage = createMemoryStorage();
    return { storage, dispose: () => storage.close() };
  },
});

describe("10,000 resources of 3 KB in memory", () => {
  test.each([
    ["without a selector", undefined],
    ["by equality", { matchLabels: { parity: "even" } }],
    ["by a set", { expressions: [{ key: "parity", operator: "In" as const, values: ["even", "none"] }] }],
  ])("38: are listed %s in less than 500 ms (median)", async (_, selector) => {
    await using storage = createMemoryStorage();
    const widgets = storage.client(WidgetKind);
    const text = "x".repeat(3_000);
    for (let n = 0; n < 10_000; n++) {
      await widgets.write(widget(`w-${n}`, { text }, { labels: { parity: n % 2 === 0 ? "even" : "odd" } }));
    }
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const start = performance.now();
      const { items } = await widgets.list({ selector });
      times.push(performance.now() - start);
      expect(items).toHaveLength(selector === undefined ? 10_000 : 5_000);
    }
    expect(times.sort((a, b) => a - b)[2]).toBeLessThan(500);
  });
});
