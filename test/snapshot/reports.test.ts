import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { ResourceKey } from "../../src/resources/index.ts";
import { ResourceReports, statusOfReport, trimStatus } from "../../src/snapshot/index.ts";
import { truncate } from "../../src/snapshot/report-status.ts";
import { status } from "./support/resources.ts";

const key = (kind: string, name: string): ResourceKey => ({ kind, ref: { namespace: "ns", name } });

test("reports gather texts per resource, each once, and merge", () => {
  const first = new ResourceReports()
    .accept(key("VirtualService", "b"))
    .add(key("VirtualService", "a"), "error", "no domains", "no domains");
  const second = new ResourceReports()
    .add(key("VirtualService", "a"), "error", "no domains", "no routes")
    .add(key("Gateway", "z"), "warning", "no virtual service")
    .add(key("VirtualService", "b"), "message", "uses a default");
  first.merge(second);
  expect(
    [...first].map(({ key: { kind, ref }, errors, warnings, messages }) => [
      kind,
      ref.name,
      errors,
      warnings,
      messages,
    ]),
  ).toEqual([
    ["Gateway", "z", [], ["no virtual service"], []],
    ["VirtualService", "a", ["no domains", "no routes"], [], []],
    ["VirtualService", "b", [], [], ["uses a default"]],
  ]);
  expect([first.size, first.hasErrors(), first.get(key("VirtualService", "b"))?.messages]).toEqual([
    3,
    true,
    ["uses a default"],
  ]);
  expect(new ResourceReports().add(key("Gateway", "z"), "warning", "w").hasErrors()).toBe(false);
});

test.each<[string, { errors?: string[]; warnings?: string[]; messages?: string[] }, number, string]>([
  ["nothing is Accepted", {}, Status_State.Accepted, ""],
  ["a message alone is Accepted", { messages: ["note"] }, Status_State.Accepted, ""],
  ["a warning is a Warning", { warnings: ["w1"] }, Status_State.Warning, "warning: \n  w1"],
  ["an error is Rejected", { errors: ["e1"] }, Status_State.Rejected, "1 error occurred:\n\t* e1\n\n"],
  [
    "errors come before warnings",
    { errors: ["e1", "e2"], warnings: ["w1", "w2"] },
    Status_State.Rejected,
    "2 errors occurred:\n\t* e1\n\t* e2\n\n\nwarning: \n  w1\n  w2",
  ],
])("in a status %s, in the reason's form of Gloo", (_title, given, state, reason) => {
  const report = { errors: [], warnings: [], messages: [], ...given };
  expect(statusOfReport(report, { reportedBy: "gateway" })).toEqual({
    state,
    reason,
    reportedBy: "gateway",
    subresourceStatuses: {},
    details: undefined,
    messages: report.messages,
  });
});

test("a status is cut to 1 KB and 100 subresources, and to half of that a level below", () => {
  const subresourceStatuses = Object.fromEntries(
    Array.from({ length: 120 }, (_, i) => [
      `p${String(i).padStart(3, "0")}`,
      {
        ...status("y".repeat(2000)),
        subresourceStatuses: Object.fromEntries(Array.from({ length: 80 }, (_value, j) => [`q${j}`, status("z")])),
      },
    ]),
  );
  const trimmed = trimStatus({ ...status("x".repeat(2000)), subresourceStatuses });
  expect(Buffer.byteLength(trimmed.reason)).toBe(1024);
  expect(Object.keys(trimmed.subresourceStatuses)).toHaveLength(100);
  expect(trimmed.subresourceStatuses["p099"]).toBeDefined();
  expect(Buffer.byteLength(trimmed.subresourceStatuses["p000"]?.reason ?? "")).toBe(512);
  expect(Object.keys(trimmed.subresourceStatuses["p000"]?.subresourceStatuses ?? {})).toHaveLength(50);
});

test("no cut goes through a character, and what fits stays whole", () => {
  // What half a character is read as is a character of its own, too.
  const texts = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !text.includes("\ufffd"));
  fc.assert(
    fc.property(texts, fc.integer({ min: 3, max: 80 }), (text, size) => {
      const cut = truncate(text, size);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(size);
      expect(cut).not.toContain("\ufffd");
      const fits = Buffer.byteLength(text) <= size;
      expect(fits ? cut === text : text.startsWith(cut.slice(0, -1)) && cut.endsWith("…")).toBe(true);
    }),
  );
});
