import { describe, expect, it } from "vitest";
import {
  checkRef,
  createRegistry,
  deepFreeze,
  fromJson,
  nearestName,
  redact,
  statusOf,
  toJson,
  walkSetFields,
  wellKnownType,
} from "../../src/resources/index.ts";
import { allKinds, sampleKind, sampleType } from "./support/sample.ts";

describe("checkRef", () => {
  it.each(["a", "a-b.c", "0", "x".repeat(253)])("takes the name %s", (name) => {
    expect(() => checkRef(sampleKind, { namespace: "gloo-system", name })).not.toThrow();
  });

  it.each(["", "A", "a_b", "../x", "a/b", "a..b", ".a", "-a", "a-", "x".repeat(254), "a\n", "a\u0000"])(
    "refuses the name %j",
    (name) => {
      expect(() => checkRef(sampleKind, { namespace: "gloo-system", name })).toThrow(/^Sample /);
    },
  );

  it.each(["", "a.b", "..", "a/b", "x".repeat(64)])("refuses the namespace %j", (namespace) => {
    expect(() => checkRef(sampleKind, { namespace, name: "a" })).toThrow(/^Sample /);
  });

  it("wants no namespace for a kind of cluster scope", () => {
    const cluster = { ...sampleKind, scope: "cluster" as const };
    expect(() => checkRef(cluster, { namespace: "", name: "a" })).not.toThrow();
    expect(() => checkRef(cluster, { namespace: "x", name: "a" })).toThrow("remove metadata.namespace");
  });
});

describe("the registry", () => {
  it("finds kinds by kind, plural and short name, whatever the case", () => {
    const registry = createRegistry(allKinds);
    for (const name of ["VirtualService", "virtualservices", "VS", "virtualservice"]) {
      expect(registry.byName(name)?.kind).toBe("VirtualService");
    }
    expect(registry.byKind("gloo.solo.io/v1", "Upstream")?.plural).toBe("upstreams");
    expect(registry.byKind("gateway.solo.io/v1", "Upstream")).toBeUndefined();
  });

  it("refuses two kinds of one name", () => {
    expect(() => createRegistry([sampleKind, { ...sampleKind, kind: "Other", plural: "others" }])).toThrow(
      'Sample and Other both have the name "sm"',
    );
  });
});

describe("nearestName", () => {
  it.each([
    ["prefx", "prefix"],
    ["perfix", "prefix"],
    ["PREFIX", "prefix"],
    ["exakt", "exact"],
    ["zzz", undefined],
    ["", undefined],
  ])("takes %j for %j", (name, expected) => {
    expect(nearestName(name, ["prefix", "exact", "regex"])).toBe(expected);
  });
});

describe("deepFreeze", () => {
  it("freezes objects, lists and values of maps, and leaves bytes", () => {
    const value = deepFreeze({ list: [{ a: 1 }], map: new Map([[1n, { b: 2 }]]), bytes: Buffer.from("x") });
    expect(Object.isFrozen(value.list[0])).toBe(true);
    expect(Object.isFrozen(value.map.get(1n))).toBe(true);
    expect(Object.isFrozen(value)).toBe(true);
    expect(value.bytes.toString()).toBe("x");
  });
});

describe("walking the set fields of a message", () => {
  const message = fromJson(sampleType, {
    aString: "x",
    optionC: false,
    parts: [{ first: "a" }, { count: 2 }],
    partsByBool: { true: { second: "b" } },
    struct: { deep: { er: 1 } },
    nested: { aBool: true, nested: { aString: "y" } },
  });

  it("visits each with its path, in order of number, and nothing that isn't set", () => {
    const paths: string[] = [];
    walkSetFields(sampleType, message, (path) => void paths.push(path));
    expect(paths).toEqual([
      "aString",
      "parts",
      "parts[0].first",
      "parts[1].count",
      "partsByBool",
      "partsByBool.true.second",
      "struct",
      "optionC",
      "nested",
      "nested.aBool",
      "nested.nested",
      "nested.nested.aString",
    ]);
  });

  it("leaves out what is within a field that the visitor skips", () => {
    const paths: string[] = [];
    walkSetFields(sampleType, message, (path, field) => {
      if (field.restrictsAccess) paths.push(path);
      return field.restrictsAccess ? "skip" : undefined;
    });
    expect(paths).toEqual(["nested"]);
  });
});

describe("redact", () => {
  it("replaces what is in sensitive fields, at every depth, and shares the rest", () => {
    const message = fromJson(sampleType, {
      aString: "seen",
      parts: [{ first: "seen" }],
      secrets: { user: "hidden" },
      nested: { password: "hidden" },
    });
    const safe = redact(sampleType, message);
    expect(toJson(sampleType, safe)).toEqual({
      aString: "seen",
      parts: [{ first: "seen" }],
      nested: { password: "[redacted]" },
      secrets: { user: "[redacted]" },
    });
    expect(safe.parts).toBe(message.parts);
    expect(message.nested.password).toBe("hidden");
  });
});

describe("statusOf", () => {
  it("finds the status of a reporter and no inherited property", () => {
    const message = fromJson(sampleType, { namespacedStatuses: { statuses: { x: { reason: "r" } } } });
    expect(statusOf(message, "x")?.reason).toBe("r");
    expect(statusOf(message, "y")).toBeUndefined();
    expect(statusOf(message, "toString")).toBeUndefined();
  });
});

describe("wellKnownType", () => {
  it("encodes and decodes in the representation of generated code", () => {
    const duration = wellKnownType("google.protobuf.Duration");
    const bytes = duration?.codec.encode({ seconds: 3n, nanos: 5 }).finish() ?? new Uint8Array();
    expect(duration?.codec.decode(bytes)).toEqual({ seconds: 3n, nanos: 5 });
    expect(wellKnownType("google.protobuf.Nothing")).toBeUndefined();
  });
});
