import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import { kinds } from "../../generated/sdk/index.ts";
import { createRegistry, parseResources, resourceToJson } from "../../src/resources/index.ts";
import { arbitraryMessage } from "../resources/support/arbitrary.ts";

// The validator compiles hundreds of definitions: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000 });

const folder = resolve(import.meta.dirname, "../../generated/schema");
// Editors' own keywords are no part of the standard; what says how to write a date needs a package more.
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
for (const file of globSync("*.json", { cwd: folder })) {
  ajv.addSchema(JSON.parse(readFileSync(join(folder, file), "utf8")), file);
}
const registry = createRegistry(kinds);

/** What a schema says of a value: `path message`, the same thing once. */
function complaints(plural: string, value: unknown): readonly string[] {
  const validate = ajv.getSchema(`${plural}.json`) as ValidateFunction;
  validate(value);
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== "if");
  return errors.map(({ instancePath, message, params }) =>
    `${instancePath} ${message} ${params.additionalProperty ?? params.allowedValue ?? ""}`.trim(),
  );
}

const route = {
  metadata: { name: "default", namespace: "gloo-system" },
  virtualHost: { routes: [{ matchers: [{ prefix: "/" }], routeAction: { single: { upstream: { name: "a" } } } }] },
};

test("there is a schema for every kind", () => {
  for (const { plural } of kinds) expect(ajv.getSchema(`${plural}.json`), plural).toBeDefined();
});

describe("the schema of a kind", () => {
  test("takes both shapes, proto names, older names and older wrappers", () => {
    const { metadata, virtualHost } = route;
    const kubernetes = { apiVersion: "gateway.solo.io/v1", kind: "VirtualService", metadata, spec: { virtualHost } };
    expect(complaints("virtualservices", route)).toEqual([]);
    expect(complaints("virtualservices", kubernetes)).toEqual([]);
    expect(complaints("virtualservices", { ...kubernetes, status: { state: 1, reported_by: "gloo" } })).toEqual([]);
    const older = {
      metadata,
      virtual_host: { routes: [{ matcher: { exact: "/" }, routePlugins: { prefixRewrite: { prefixRewrite: "/x" } } }] },
    };
    expect(complaints("virtualservices", older)).toEqual([]);
    const upstream = { metadata, upstreamSpec: { static: { hosts: [{ addr: "a.test", port: 80 }] } } };
    expect(complaints("upstreams", upstream)).toEqual([]);
    expect(complaints("all", { apiVersion: "v1", kind: "List", items: [kubernetes] })).toEqual([]);
  });

  test.each([
    ["an unknown field", { virtualHots: {} }, ["must NOT have additional properties virtualHots"]],
    [
      "an unknown field below",
      { virtualHost: { domain: [] } },
      ["/virtualHost must NOT have additional properties domain"],
    ],
    ["text for a list", { virtualHost: { domains: "*" } }, ["/virtualHost/domains must be array"]],
    ["a number for text", { displayName: 5 }, ["/displayName must be string"]],
    [
      "a duration without a unit",
      { virtualHost: { routes: [{ options: { timeout: "15" } }] } },
      ['/virtualHost/routes/0/options/timeout must match pattern "^-?[0-9]{1,12}(\\.[0-9]{0,9})?s$"'],
    ],
    [
      "an enum's unknown value",
      { sslConfig: { parameters: { minimumProtocolVersion: "TLSv9" } } },
      ["/sslConfig/parameters/minimumProtocolVersion must be equal to one of the allowed values"],
    ],
    ["no name", { metadata: { namespace: "a" } }, ["/metadata must have required property 'name'"]],
    [
      "another kind",
      { apiVersion: "gateway.solo.io/v1", kind: "Gateway", virtualHost: undefined, spec: {} },
      ["/kind must be equal to constant VirtualService"],
    ],
    [
      "fields beside spec",
      { apiVersion: "gateway.solo.io/v1", kind: "VirtualService", virtualHost: {} },
      ["must NOT have additional properties virtualHost"],
    ],
  ])("refuses %s, and says where", (_, change, expected) => {
    const value = JSON.parse(JSON.stringify({ ...route, ...change }));
    expect(complaints("virtualservices", value)).toEqual(expected);
  });

  test("takes what the reader takes of the translator's examples, and they are many", () => {
    let count = 0;
    for (const file of globSync("test/envoy/*/*.in.yaml")) {
      const text = readFileSync(file, "utf8");
      const parsed = parseResources(registry, text, file);
      const values = parseAllDocuments(text).map((document) => document.toJS());
      for (const { kind, index } of parsed.documents) {
        expect({ file, index, complaints: complaints(kind.plural, values[index]) }).toEqual({
          file,
          index,
          complaints: [],
        });
        count++;
      }
    }
    expect(count).toBeGreaterThan(70);
  });

  test.each(kinds.map((kind) => [kind.kind, kind] as const))("takes any %s that is written", (_, kind) => {
    fc.assert(
      fc.property(arbitraryMessage(kind.type, 8), (message) => {
        const resource = { ...(message as object), metadata: { name: "a", namespace: "b" } };
        const complete = kind.type.codec.fromPartial(resource);
        for (const shape of ["bare", "kubernetes"] as const) {
          expect(complaints(kind.plural, resourceToJson(kind, complete, { shape }))).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });
});
