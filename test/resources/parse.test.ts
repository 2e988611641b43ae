import { describe, expect, it } from "vitest";
import { problemsOf } from "../../src/errors/index.ts";
import {
  createRegistry,
  fromJson,
  parseResources,
  renderResource,
  statusOf,
  toJson,
} from "../../src/resources/index.ts";
import { allKinds, kindNamed, sampleKind, sampleType } from "./support/sample.ts";

const virtualService = kindNamed("VirtualService");

/** Messages of all problems in a VirtualService. */
function problems(text: string): readonly string[] {
  return parseResources(virtualService, text, "vs.yaml").problems.map(({ message }) => message);
}

/** Messages of all problems in a Sample, without their places. */
function sampleProblems(json: object): readonly string[] {
  try {
    fromJson(sampleType, json as never);
    return [];
  } catch (error) {
    return problemsOf(error).map(({ message }) => message);
  }
}

describe("parseResources", () => {
  it("reports every problem with line, column, path and remedy, not only the first", () => {
    const text = `metadata:
  name: a
  namespace: gloo-system
virtualHost:
  domain: ['*']
  routes:
  - matchers:
    - prefx: /
    options:
      timeout: 500ms
    directResponseAction: {status: "many"}
`;
    expect(problems(text)).toEqual([
      'vs.yaml:5:3: virtualHost.domain: unknown field: did you mean "domains"?',
      'vs.yaml:8:7: virtualHost.routes[0].matchers[0].prefx: unknown field: did you mean "prefix"?',
      'vs.yaml:10:16: virtualHost.routes[0].options.timeout: expected a duration in seconds such as 15s or 0.5s, found the text "500ms": write 0.500s',
      'vs.yaml:11:36: virtualHost.routes[0].directResponseAction.status: expected a whole number, found the text "many"',
    ]);
  });

  it("gives places in JSON as well", () => {
    expect(problems('{"metadata": {"name": "a"},\n "virtualHost": {"domains": "*"}}')).toEqual([
      'vs.yaml:2:29: virtualHost.domains: expected a list, found the text "*": begin each item with "- "',
    ]);
  });

  it("gives the place of a key inside an anchor that is used by alias", () => {
    expect(problems("metadata: &m {name: a, nme: b}\nvirtualHost: {}\n")).toEqual([
      'vs.yaml:1:24: metadata.nme: unknown field: did you mean "name"?',
    ]);
  });

  it("names the other key when a oneof or a field is given twice", () => {
    const text =
      "metadata: {name: a}\nvirtualHost:\n  routes:\n  - {redirectAction: {}, routeAction: {}}\n  - {options: {}, routePlugins: {}}\n";
    expect(problems(text)).toEqual([
      'vs.yaml:4:26: virtualHost.routes[0].routeAction: only one of "redirectAction" and "routeAction" can be set',
      'vs.yaml:5:19: virtualHost.routes[1].routePlugins: the field options is given twice (as "options", too): keep one',
    ]);
  });

  it("refuses duplicate keys in YAML and JSON", () => {
    expect(problems("metadata:\n  name: a\n  name: b\n")).toEqual([
      'vs.yaml:3:3: metadata: the key "name" is here twice: keep one',
    ]);
    expect(problems('{"metadata": {"name": "a", "name": "b"}}')).toEqual([
      'vs.yaml:1:28: metadata: the key "name" is here twice: keep one',
    ]);
  });

  it("reads several documents, lists, both shapes and both shapes of status", () => {
    const text = `# only a comment
---
metadata: {name: a, namespace: x}
status: {state: Accepted}
---
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: b, namespace: x}
spec: {displayName: B}
status: {statuses: {one: {state: 2}}}
---
apiVersion: v1
kind: List
items:
- {metadata: {name: c, namespace: x}, namespacedStatuses: {statuses: {two: {state: Warning}}}}
- {apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: d, namespace: x}, status: {state: 1}}
`;
    const result = parseResources(virtualService, text, "vs.yaml", { statusNamespace: "mine" });
    expect(result.problems).toEqual([]);
    const seen = result.documents.map(({ resource, index, shape, location }) => [
      resource.metadata?.name,
      index,
      shape,
      location.line,
      Object.keys(resource.namespacedStatuses?.statuses ?? {}).map(
        (name) => `${name} ${statusOf(resource, name)?.state}`,
      ),
    ]);
    expect(seen).toEqual([
      ["a", 0, "bare", 3, ["mine 1"]],
      ["b", 2, "kubernetes", 7, ["one 2"]],
      ["c", 3, "bare", 16, ["two 3"]],
      ["d", 3, "kubernetes", 17, ["mine 1"]],
    ]);
  });

  it("keeps a broken document from hiding the others, and tells which resource it is", () => {
    const text = "metadata: {name: a, namespace: x}\nfoo: 1\n---\nmetadata: {name: b, namespace: x}\n";
    const { documents, broken, wellFormed } = parseResources(virtualService, text, "vs.yaml");
    expect(documents.map(({ resource }) => resource.metadata?.name)).toEqual(["b"]);
    expect(broken).toMatchObject([{ index: 0, ref: { namespace: "x", name: "a" }, kind: { kind: "VirtualService" } }]);
    expect(wellFormed).toBe(true);
  });

  it("tells an empty text from a text that is no YAML", () => {
    expect(parseResources(virtualService, "# nothing\n", "f")).toMatchObject({ wellFormed: true, empty: true });
    const broken = parseResources(virtualService, "metadata: {name: a\n", "f");
    expect(broken).toMatchObject({ wellFormed: false, empty: false, documents: [] });
    expect(broken.problems[0]?.message).toMatch(/^f:\d+:\d+: not valid YAML: /);
  });

  it("names both kinds when another one is found", () => {
    expect(problems("apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\n")).toEqual([
      "vs.yaml:1:13: apiVersion: expected gateway.solo.io/v1 VirtualService, found gloo.solo.io/v1 Upstream",
    ]);
  });

  it("takes the kind from each document when given a registry", () => {
    const registry = createRegistry(allKinds);
    const text =
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\n---\napiVersion: gloo.solo.io/v1\nkind: Upstreem\nmetadata: {name: b}\n---\nmetadata: {name: c}\n";
    const result = parseResources(registry, text, "f");
    expect(result.documents.map(({ kind }) => kind.kind)).toEqual(["Upstream"]);
    expect(result.problems.map(({ message }) => message)).toEqual([
      "f:5:1: unknown kind gloo.solo.io/v1 Upstreem: did you mean gloo.solo.io/v1 Upstream?",
      "f:9:1: it doesn't say what it is: add apiVersion and kind",
    ]);
  });

  it("wants metadata and a name, and says where a stray field belongs", () => {
    expect(problems("virtualHost: {}\n")).toEqual(["vs.yaml:1:1: it has no metadata: add metadata with a name"]);
    expect(problems("metadata: {namespace: x}\n")).toEqual([
      "vs.yaml:1:1: metadata: it has no name: add metadata.name",
    ]);
    const mixed = "apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nvirtualHost: {}\n";
    expect(problems(mixed)).toEqual([
      "vs.yaml:4:1: virtualHost: unknown field: put it under spec, since the object has apiVersion, kind or spec",
    ]);
  });

  it("ignores a status that can't be read, with a note", () => {
    const { documents, problems: found } = parseResources(
      virtualService,
      "metadata: {name: a}\nstatus: {state: Fine}\n",
      "f",
    );
    expect(found).toEqual([]);
    expect(documents[0]?.notes).toEqual([
      'status.state: the text "Fine" is not among the values: one of Pending, Accepted, Rejected, Warning; this status is ignored',
    ]);
  });

  it("refuses the same resource twice in one text", () => {
    const text = "metadata: {name: a, namespace: x}\n---\nmetadata: {name: a, namespace: x}\n";
    expect(problems(text)).toEqual([
      "vs.yaml:3:1: VirtualService x.a is in this text twice, first in line 1: remove or rename one",
    ]);
  });

  it("fills in a default namespace for kinds that have one", () => {
    const { documents } = parseResources(virtualService, "metadata: {name: a}\n", "f", { defaultNamespace: "x" });
    expect(documents[0]?.resource.metadata?.namespace).toBe("x");
  });

  it("reads merge keys, anchors and YAML 1.1's words for booleans, as Gloo did", () => {
    const text =
      "metadata: &m {name: a, labels: {x: y}}\nnested:\n  metadata: {<<: *m, name: b}\n  aBool: yes\naBool: off\n";
    const { documents, problems: found } = parseResources(sampleKind, text, "f");
    expect(found).toEqual([]);
    expect(toJson(sampleType, documents[0]?.resource as never)).toEqual({
      metadata: { name: "a", labels: { x: "y" } },
      nested: { metadata: { name: "b", labels: { x: "y" } }, aBool: true },
    });
  });

  it("keeps a key named __proto__ a key", () => {
    const { documents } = parseResources(sampleKind, "metadata: {name: a, labels: {__proto__: x}}\n", "f");
    const labels = documents[0]?.resource.metadata?.labels ?? {};
    expect(Object.keys(labels)).toEqual(["__proto__"]);
    expect(renderResource(sampleKind, documents[0]?.resource as never)).toContain("__proto__: x");
  });

  it.each([
    ["nesting", `metadata: ${"[".repeat(100_000)}`, "nested more than 100 levels deep"],
    ["nesting in JSON", `${'{"nested":'.repeat(5000)}1${"}".repeat(5000)}`, "nested more than 100 levels deep"],
    [
      "aliases",
      `a: &a [1,2,3,4,5,6,7,8,9]\n${[..."bcdefghi"]
        .map(
          (name, i) =>
            `${name}: &${name} [${Array(9)
              .fill(`*${"abcdefgh".charAt(i)}`)
              .join()}]`,
        )
        .join("\n")}`,
      "aliases stand for more than 100000 values",
    ],
    ["an alias within itself", "metadata: &a {name: *a}", "is inside what it stands for"],
    ["size", "#".repeat(9 * 1024 * 1024), "too large"],
    ["tokens", "\n".repeat(1_100_000), "too large: more than 1000000 YAML tokens"],
    ["syntax errors", "{}".repeat(20_000), "not valid YAML"],
    ["keys", "? {a: b}\n: c\n", "a key must be text"],
  ])("bounds hostile %s with a located error", (_, text, message) => {
    const result = parseResources(sampleKind, text, "f");
    expect(result.documents).toEqual([]);
    expect(result.problems[0]?.message).toContain(message);
    expect(result.problems[0]?.location?.line).toBeGreaterThan(0);
    expect(result.problems.length).toBeLessThanOrEqual(20);
  });
});

describe("fromJson", () => {
  it.each([
    [{ aString: 8080 }, "aString: expected text, found the number 8080: put it in quotes"],
    [{ aBool: "true" }, 'aBool: expected true or false, found the text "true"'],
    [{ anInt32: 1.5 }, "anInt32: expected a whole number, found the number 1.5"],
    [{ aUint32: -1 }, "aUint32: -1 is out of range: uint32 goes from 0 to 4294967295"],
    [{ anInt64: 2 ** 60 }, "anInt64: the number 1152921504606847000 is too large to be read exactly: put it in quotes"],
    [
      { anInt64: "9223372036854775808" },
      "anInt64: 9223372036854775808 is out of range: int64 goes from -9223372036854775808 to 9223372036854775807",
    ],
    [{ aFloat: 1e39 }, "aFloat: 1e+39 is too large for a float"],
    [{ someBytes: "?" }, 'someBytes: the text "?" is not base64'],
    [
      { color: "green" },
      'color: the text "green" is not among the values: did you mean Green? It is one of red, Green, BLUE_GREEN',
    ],
    [{ color: 7 }, "color: the number 7 is not among the values: one of red, Green, BLUE_GREEN"],
    [
      { duration: "1m30s" },
      'duration: expected a duration in seconds such as 15s or 0.5s, found the text "1m30s": write 90s',
    ],
    [{ duration: 15 }, "duration: expected a duration in seconds such as 15s or 0.5s, found the number 15: write 15s"],
    [
      { timestamp: "2026-02-30T00:00:00Z" },
      'timestamp: expected a time such as "2026-01-31T12:00:00Z", found the text "2026-02-30T00:00:00Z"',
    ],
    [{ any: { "@type": "type.googleapis.com/x.Y" } }, 'any.@type: the message type the text "x.Y" is not known here'],
    [{ textsByInt64: { x: "y" } }, 'textsByInt64.x: expected a whole number, found the text "x"'],
    [{ strings: ["a", null] }, "strings[1]: expected text, found nothing"],
    [{ empty: { a: 1 } }, "empty.a: unknown field: the object must be empty"],
    [{ aString: "\ud800" }, "aString: the text holds half of a surrogate pair, which is not valid Unicode"],
  ])("says what is wrong with %j", (json, message) => {
    expect(sampleProblems(json)).toEqual([message]);
  });

  it("never shows the value of a sensitive field", () => {
    expect(sampleProblems({ password: 123456, secrets: { a: 654321 } })).toEqual([
      "password: expected text, found a number: put it in quotes",
      "secrets.a: expected text, found a number: put it in quotes",
    ]);
  });

  it.each([
    [{ a_string: "x" }, { aString: "x" }],
    [
      { anInt64: 5, aUint64: "7" },
      { anInt64: "5", aUint64: "7" },
    ],
    [{ anInt32: "1e2" }, { anInt32: 100 }],
    [{ color: 2 }, { color: "BLUE_GREEN" }],
    [
      { duration: "5.000s", durations: ["-1.5s", "0.000000001s"] },
      { duration: "5s", durations: ["-1.500s", "0.000000001s"] },
    ],
    [{ timestamp: "2019-02-15T14:27:39.5+01:00" }, { timestamp: "2019-02-15T13:27:39.500Z" }],
    [{ someBytes: "-_8" }, { someBytes: "+/8=" }],
    [{ aString: null, nested: null, strings: null, value: null }, { value: null }],
    [
      { boolValue: false, int64Value: 0 },
      { boolValue: false, int64Value: "0" },
    ],
    [{ pieces: [{ first: "a" }] }, { parts: [{ first: "a" }] }],
    [{ piece: { first: "a" } }, { parts: [{ first: "a" }] }],
    [{ stringValue: { stringValue: "x" } }, { stringValue: "x" }],
    [{ sampleSpec: { aString: "x", sample_spec: { aBool: true } } }, { aString: "x", aBool: true }],
    [{ stringsX: undefined, strings: ["a"] }, { strings: ["a"] }],
    [
      { aFloat: 0.1, aDouble: "NaN" },
      { aFloat: 0.1, aDouble: "NaN" },
    ],
    [{ int64sByText: { b: 2, a: "1" } }, { int64sByText: { a: "1", b: "2" } }],
    [
      { any: { "@type": "type.googleapis.com/google.protobuf.Duration", value: "3s" } },
      { any: { "@type": "type.googleapis.com/google.protobuf.Duration", value: "3s" } },
    ],
  ])("reads %j", (json, expected) => {
    const { stringsX: _, ...input } = json as Record<string, unknown>;
    expect(toJson(sampleType, fromJson(sampleType, input as never))).toEqual(expected);
  });

  it("prints a 32-bit float as short as it can", () => {
    const message = fromJson(sampleType, {});
    expect(toJson(sampleType, { ...message, aFloat: Math.fround(0.1) })).toEqual({ aFloat: 0.1 });
  });
});
