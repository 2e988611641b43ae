import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  editSpec,
  fromJson,
  type JsonValue,
  parseResources,
  removeDocument,
  specEquals,
} from "../../src/resources/index.ts";
import { arbitraryMessage } from "./support/arbitrary.ts";
import { kindNamed, sampleKind } from "./support/sample.ts";

const kind = kindNamed("VirtualService");
const service = (name: string, json: Record<string, JsonValue> = {}): any =>
  fromJson(kind.type, { metadata: { name, namespace: "x" }, ...json });
const ref = (name: string): { namespace: string; name: string } => ({ namespace: "x", name });

const three = `# head
---
metadata: {name: a, namespace: x} # a
virtualHost:
    domains: [ 'a' ]
---
# before b
metadata: {name: b, namespace: x}
displayName: B
# after b
---
metadata: {name: c, namespace: x}
# end
`;

const list = `apiVersion: v1
kind: List
items:
  # first
  - metadata: {name: a, namespace: x}
    displayName: |
      literal
  # second
  - metadata: {name: b, namespace: x}
  - {metadata: {name: c, namespace: x}} # third
`;

describe("editSpec", () => {
  it("replaces one document and keeps the others and the comments around it", () => {
    expect(editSpec(three, kind, service("b", { displayName: "new" }))).toBe(
      three.replace("displayName: B", "displayName: new"),
    );
  });

  it("keeps comments, order and older names within the document where these don't change", () => {
    const text = `# head
metadata: {name: a, namespace: x} # flow
virtual_host: # older
  domains:
  - 'a' # first
  # between
  - b
  routes:
  # one
  - matchers: [{prefix: /one}] # m1
    directResponseAction: {status: 200}
  # two
  - matcher: {prefix: /two}
    directResponseAction: {status: 201} # s2
displayName: old # shown
# end
`;
    const stored: any = parseResources(kind, text, "f").documents[0]?.resource;
    const added: any = service("z", { virtualHost: { routes: [{ matchers: [{ exact: "/new" }] }] } });
    const host = stored.virtualHost;
    const resource = {
      ...stored,
      displayName: "new",
      virtualHost: { ...host, routes: [...added.virtualHost.routes, ...host.routes] },
    };
    const edited = editSpec(text, kind, resource);
    for (const comment of text.match(/# \w+/g) ?? []) expect(edited.split(comment)).toHaveLength(2);
    expect(edited).toContain("displayName: new # shown\n# end\n");
    expect(edited).toContain("  - 'a' # first\n  # between\n  - b\n");
    expect(edited).toContain(
      "  - matchers:\n    - exact: /new\n  - matchers: [{prefix: /one}] # m1\n    directResponseAction: {status: 200}\n  # two\n  - matcher: {prefix: /two}\n    directResponseAction: {status: 201} # s2\n",
    );
    expect(edited).toContain("virtual_host:");
  });

  it("keeps the shape that the document has, in the item of a list too", () => {
    const text = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: gateway.solo.io/v1\n  kind: VirtualService\n  metadata: {name: a, namespace: x}\n- {metadata: {name: b, namespace: x}}\n`;
    const edited = editSpec(text, kind, service("a", { displayName: "new" }));
    const { documents, problems } = parseResources(kind, edited, "f");
    expect(problems).toEqual([]);
    expect(documents.map(({ shape, resource }) => [shape, resource.displayName])).toEqual([
      ["kubernetes", "new"],
      ["bare", ""],
    ]);
  });

  it("adds a document to a text that has others, and fills an empty text", () => {
    expect(editSpec("# a\n", kind, service("new"))).toBe("# a\nmetadata:\n  name: new\n  namespace: x\n");
    expect(editSpec("metadata: {name: a}", kind, service("new"))).toBe(
      "metadata: {name: a}\n---\nmetadata:\n  name: new\n  namespace: x\n",
    );
  });

  it("writes any resource in place of any other so that it is read back, among others that stay", () => {
    const others = "metadata: {name: before}\n---\n";
    fc.assert(
      fc.property(arbitraryMessage(sampleKind.type, 2), fc.boolean(), (message, crlf) => {
        const metadata = fromJson(sampleKind.type, { metadata: { name: "a", namespace: "x" } }).metadata;
        const resource = { ...message, metadata, namespacedStatuses: undefined };
        let text = `${others}metadata: {name: a, namespace: x} # c\naString: |\n  old\n  text\n\n---\nmetadata: {name: after}\n`;
        if (crlf) text = text.replaceAll("\n", "\r\n");
        const edited = editSpec(text, sampleKind, resource as never);
        const { documents, problems } = parseResources(sampleKind, edited, "f");
        expect(problems).toEqual([]);
        expect(documents.map((document) => document.resource.metadata?.name)).toEqual(["before", "a", "after"]);
        expect(specEquals(sampleKind, documents[1]?.resource as never, resource as never)).toBe(true);
        expect(edited.startsWith(crlf ? others.replaceAll("\n", "\r\n") : others)).toBe(true);
        expect(edited.endsWith(crlf ? "---\r\nmetadata: {name: after}\r\n" : "---\nmetadata: {name: after}\n")).toBe(
          true,
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("removeDocument", () => {
  it.each(["a", "b", "c"])("takes %s out of several documents and keeps the others", (name) => {
    const edited = removeDocument(three, kind, ref(name)) ?? "";
    const { documents, problems } = parseResources(kind, edited, "f");
    expect(problems).toEqual([]);
    expect(documents.map(({ resource }) => resource.metadata?.name)).toEqual(
      ["a", "b", "c"].filter((other) => other !== name),
    );
    expect(edited).toContain("# head");
    expect(edited.includes("virtualHost:\n    domains: [ 'a' ]\n")).toBe(name !== "a");
    expect(edited.includes("# before b\nmetadata: {name: b, namespace: x}\ndisplayName: B\n")).toBe(name !== "b");
  });

  it.each(["a", "b", "c"])("takes %s out of a list", (name) => {
    const { documents, problems } = parseResources(kind, removeDocument(list, kind, ref(name)) ?? "", "f");
    expect(problems).toEqual([]);
    expect(documents.map(({ resource }) => resource.metadata?.name)).toEqual(
      ["a", "b", "c"].filter((other) => other !== name),
    );
  });

  it("takes an item out of a list in JSON", () => {
    const json =
      '{"kind": "List", "items": [{"metadata": {"name": "a", "namespace": "x"}}, {"metadata": {"name": "b", "namespace": "x"}}]}';
    for (const name of ["a", "b"]) {
      const { documents } = parseResources(kind, removeDocument(json, kind, ref(name)) ?? "", "f");
      expect(documents.map(({ resource }) => resource.metadata?.name)).toEqual(name === "a" ? ["b"] : ["a"]);
    }
  });

  it("says when nothing is left, and leaves a text that doesn't hold the resource", () => {
    expect(removeDocument("# c\nmetadata: {name: a, namespace: x}\n", kind, ref("a"))).toBeUndefined();
    expect(
      removeDocument("---\nmetadata: {name: a, namespace: x}\n---\n# only this\n", kind, ref("a")),
    ).toBeUndefined();
    expect(removeDocument(three, kind, ref("z"))).toBe(three);
  });
});
