import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editStatus, fromJson, type MessageType, parseResources, statusOf } from "../../src/resources/index.ts";
import { statusTypeOf } from "../../src/resources/shape.ts";
import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import { kindNamed } from "./support/sample.ts";

const kind = kindNamed("VirtualService");
const ref = { namespace: "gloo-system", name: "a" };
const statusType = statusTypeOf(kind) as MessageType<Status>;
const accepted = fromJson(statusType, { state: "Accepted", reportedBy: "gateway" });

const edit = (text: string, reporter = "gloo-system", status = accepted): string =>
  editStatus(text, kind, ref, reporter, status);

describe("editStatus", () => {
  it("adds a status at the end of a document that has none", () => {
    const text = "metadata: {name: a, namespace: gloo-system} # who\n# what\nvirtualHost:\n  domains: ['*'] # all\n";
    expect(edit(text)).toBe(
      "metadata: {name: a, namespace: gloo-system} # who\n# what\nvirtualHost:\n  domains: ['*'] # all\nstatus:\n  state: Accepted\n  reportedBy: gateway\n",
    );
  });

  it("replaces a status in block style and keeps the comments around it", () => {
    const text =
      "# top\nstatus: # written by machines\n  state: 1\n  reported_by: gloo # who\n# bottom\nmetadata:\n  name: a\n  namespace: gloo-system\n";
    expect(edit(text)).toBe(
      "# top\nstatus: # written by machines\n  state: Accepted\n  reportedBy: gateway # who\n# bottom\nmetadata:\n  name: a\n  namespace: gloo-system\n",
    );
  });

  it("replaces a status in flow style, older keys and quotes elsewhere untouched", () => {
    const text =
      "metadata: {name: \"a\", namespace: 'gloo-system'}\nvirtual_host: {domains: ['*']}\nstatus: {reported_by: gloo, state: 2}\n";
    expect(edit(text)).toBe(
      "metadata: {name: \"a\", namespace: 'gloo-system'}\nvirtual_host: {domains: ['*']}\nstatus:\n  state: Accepted\n  reportedBy: gateway\n",
    );
  });

  it("edits JSON as JSON", () => {
    const text = '{"metadata": {"name": "a", "namespace": "gloo-system"}, "status": {"state": 2}, "virtualHost": {}}';
    expect(edit(text)).toBe(
      '{"metadata": {"name": "a", "namespace": "gloo-system"}, "status": {"state": "Accepted", "reportedBy": "gateway"}, "virtualHost": {}}',
    );
  });

  it("adds to namespacedStatuses where these are used", () => {
    const text =
      "metadata:\n  name: a\n  namespace: gloo-system\nnamespacedStatuses:\n  statuses:\n    other:\n      state: Accepted\nvirtualHost: {}\n";
    expect(edit(text)).toBe(
      "metadata:\n  name: a\n  namespace: gloo-system\nnamespacedStatuses:\n  statuses:\n    other:\n      state: Accepted\n    gloo-system:\n      state: Accepted\n      reportedBy: gateway\nvirtualHost: {}\n",
    );
  });

  it("edits Kubernetes' status.statuses in the item of a list", () => {
    const text =
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: gateway.solo.io/v1\n  kind: VirtualService\n  metadata:\n    name: a\n    namespace: gloo-system\n  status:\n    statuses:\n      gloo-system: {state: Pending}\n  spec: {}\n- metadata: {name: b, namespace: gloo-system}\n";
    expect(edit(text)).toContain(
      "      gloo-system:\n        state: Accepted\n        reportedBy: gateway\n  spec: {}\n",
    );
  });

  it("keeps a single Kubernetes status when another reporter adds its own", () => {
    const text =
      "apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: gloo-system}\nstatus: {state: Warning, reason: old}\n";
    const edited = edit(text, "other");
    const { resource } = parseResources(kind, edited, "text").documents[0] ?? {};
    expect(statusOf(resource as never, "gloo-system")).toMatchObject({ state: 3, reason: "old" });
    expect(statusOf(resource as never, "other")).toMatchObject({ state: 1, reportedBy: "gateway" });
  });

  it("returns the same text when it says so already", () => {
    const text = "metadata: {name: a, namespace: gloo-system}\nstatus: {state: 1, reported_by: gateway}\n";
    expect(edit(text)).toBe(text);
  });

  it("keeps CRLF line breaks and a missing last line break", () => {
    const text = "metadata:\r\n  name: a\r\n  namespace: gloo-system\r\nvirtualHost: {}";
    expect(edit(text)).toBe(`${text}\r\nstatus:\r\n  state: Accepted\r\n  reportedBy: gateway`);
  });

  it("says that the resource is not there", () => {
    expect(() => edit("metadata: {name: b, namespace: gloo-system}\n")).toThrow(
      "VirtualService gloo-system.a is not in the text",
    );
  });
});

const heads = [
  "metadata:\n  name: a\n  namespace: gloo-system\n",
  "metadata: {name: a, namespace: gloo-system} # flow\n",
  "# comment\n\nmetadata:\n    name: 'a'\n    # inside\n    namespace: \"gloo-system\"\n",
  "apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata:\n  name: a\n  namespace: gloo-system\n",
];
const statuses = [
  "",
  "status: {}\n",
  "status:\n",
  "status: # soon\n",
  "status: ~\n",
  "status: {state: Rejected, reason: 'x'}\n",
  "status:\n  state: 2\n  reason: |\n    several\n    lines\n",
  "status:\n  state: 2\n  reason: >-\n    folded\n    lines # no comment\n\n",
  "status:\n  reportedBy: x # who\n  # end\n",
  "status: nonsense\n",
  "status: [1, 2]\n",
];
const bareStatuses = [
  "namespacedStatuses:\n  statuses:\n    gloo-system: {state: 1}\n",
  "namespacedStatuses:\n  statuses: {}\n",
  "namespacedStatuses: {}\n",
  "namespacedStatuses: {statuses: {other: {state: 1}}}\n",
  "namespaced_statuses:\n  statuses:\n    other:\n      state: 1 # one\n\n",
];
const kubernetesStatuses = ["status:\n  statuses:\n    other:\n      state: 1\n", "status: {statuses: {}}\n"];
const bodies = (spec: string): readonly string[] => ["", `${spec}# last\n`, `${spec}\n\n`];

/** Texts of one resource in every layout that people and tools write. */
const layouts: readonly string[] = heads.flatMap((head) => {
  const isKubernetes = head.startsWith("apiVersion");
  const spec = isKubernetes
    ? "spec:\n  virtualHost:\n    domains:\n    - '*' # all\n"
    : "virtualHost:\n  domains:\n    - '*' # all\n";
  const shapes = [...statuses, ...(isKubernetes ? kubernetesStatuses : bareStatuses)];
  return shapes.flatMap((status) =>
    bodies(spec).flatMap((body) => [head + status + body, head + body + status, status + body + head]),
  );
});

const otherDocuments = [
  "",
  "# nothing\n",
  "metadata: {name: b, namespace: gloo-system}\nvirtualHost: # x\n    domains: [ 'b' ]\n",
];

describe("editStatus on every layout", () => {
  it(`changes the status and not one character outside of it (${layouts.length} layouts)`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...layouts),
        fc.constantFrom(...otherDocuments),
        fc.constantFrom(...otherDocuments),
        fc.constantFrom("gloo-system", "other", "third"),
        fc.constantFrom("", "a", "two\nlines", "quote ' \" # : - {", "yes", "  ", "x".repeat(200)),
        fc.boolean(),
        fc.boolean(),
        (layout, before, after, reporter, reason, crlf, cutEnd) => {
          let text = `${before === "" ? "" : `${before}---\n`}${layout}${after === "" ? "" : `---\n${after.replace("name: b", "name: c")}`}`;
          if (cutEnd) text = text.replace(/\n$/, "");
          if (crlf) text = text.replaceAll("\n", "\r\n");
          const status = { ...accepted, reason };
          const edited = edit(text, reporter, status);

          const documents = parseResources(kind, edited, "text");
          expect(documents.problems).toEqual([]);
          const original = parseResources(kind, text, "text").documents;
          expect(documents.documents.length).toBe(original.length);
          for (const [index, { resource }] of documents.documents.entries()) {
            const wasStatuses = original[index]?.resource.namespacedStatuses?.statuses ?? {};
            const isTarget = resource.metadata?.name === "a";
            const expected = isTarget ? { ...wasStatuses, [reporter]: status } : wasStatuses;
            expect(resource.namespacedStatuses?.statuses ?? {}).toEqual(expected);
            expect({ ...resource, namespacedStatuses: undefined }).toEqual({
              ...original[index]?.resource,
              namespacedStatuses: undefined,
            });
          }
          expect(isOneReplacement(text, edited)).toBe(true);
          expect(edit(edited, reporter, status)).toBe(edited);
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe("editStatus of plain texts", () => {
  it("makes the change that it makes where it has to look at the text's own nodes", () => {
    // A directive makes a text one that isn't plain.
    const head = "%YAML 1.2\n---\n";
    for (const layout of layouts) {
      if (layout.includes("status: ~")) continue;
      for (const text of [layout, layout.trimEnd(), `${layout}\n# end\n\n`])
        expect(edit(head + text)).toBe(head + edit(text));
    }
  });
});

/** Whether what differs is one stretch that, in the old text, holds nothing but a status. */
function isOneReplacement(text: string, edited: string): boolean {
  let start = 0;
  while (start < text.length && text[start] === edited[start]) start++;
  let end = 0;
  while (end < text.length - start && text.at(-1 - end) === edited.at(-1 - end)) end++;
  const removed = text.slice(start, text.length - end);
  return !/metadata|virtualHost|domains|apiVersion|name:|#(?! no comment)/.test(removed);
}
