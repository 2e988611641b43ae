import { fromBinary, fromJson as referenceFromJson, toBinary, toJson as referenceToJson } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeBinary,
  encodeCanonical,
  fromJson,
  parseResources,
  renderResource,
  specEquals,
  specHash,
  toJson,
} from "../../src/resources/index.ts";
import { arbitraryMessage } from "./support/arbitrary.ts";
import { allKinds, registry, sampleKind, sampleType } from "./support/sample.ts";

const sampleDesc = registry.getMessage("epoxy.test.v1.Sample");
if (sampleDesc === undefined) throw new Error("sample.proto is missing");

describe("messages with every sort of field", () => {
  it("are the same after JSON and back", () => {
    fc.assert(
      fc.property(arbitraryMessage(sampleType), (message) => {
        expect(fromJson(sampleType, JSON.parse(JSON.stringify(toJson(sampleType, message))))).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  it("are the same after the binary form and back", () => {
    fc.assert(
      fc.property(arbitraryMessage(sampleType), (message) => {
        expect(decodeBinary(sampleType, encodeCanonical(sampleType, message))).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  it("are written as JSON just as protobuf's reference implementation writes them", () => {
    fc.assert(
      fc.property(arbitraryMessage(sampleType), (message) => {
        const reference = fromBinary(sampleDesc, encodeCanonical(sampleType, message));
        expect(toJson(sampleType, message)).toEqual(referenceToJson(sampleDesc, reference, { registry }));
      }),
      { numRuns: 300 },
    );
  });

  it("are read from JSON just as protobuf's reference implementation reads them", () => {
    fc.assert(
      fc.property(arbitraryMessage(sampleType), (message) => {
        const json = JSON.parse(JSON.stringify(toJson(sampleType, message)));
        const bytes = toBinary(sampleDesc, referenceFromJson(sampleDesc, json, { registry }));
        expect(decodeBinary(sampleType, bytes)).toEqual(fromJson(sampleType, json));
      }),
      { numRuns: 300 },
    );
  });
});

/** A copy in which nothing is shared, or a message in which some fields are another's. */
const arbitraryPair = fc
  .tuple(arbitraryMessage(sampleType), arbitraryMessage(sampleType), fc.array(fc.nat()))
  .map(([message, other, positions]) => {
    const names = Object.keys(message);
    const changed = { ...(decodeBinary(sampleType, encodeCanonical(sampleType, message)) as typeof message) };
    for (const position of positions) {
      const name = names[position % names.length];
      if (name !== undefined) Object.assign(changed, { [name]: (position % 2 === 0 ? other : message)[name] });
    }
    return [message, changed] as const;
  });

describe("specEquals", () => {
  it("says just what the hashes say", () => {
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(arbitraryPair, ([a, b]) => {
        const isSame = specHash(sampleKind, a) === specHash(sampleKind, b);
        seen.add(isSame);
        expect(specEquals(sampleKind, a, b)).toBe(isSame);
        expect(specEquals(sampleKind, b, a)).toBe(isSame);
      }),
      { numRuns: 500 },
    );
    expect(seen.size).toBe(2);
  });
});

const named = { namespace: "gloo-system", name: "a" };

describe.each([sampleKind, ...allKinds].map((kind) => [kind.kind, kind] as const))("%s", (_, kind) => {
  it.each(["bare", "kubernetes"] as const)("is the same after YAML and JSON in %s shape and back", (shape) => {
    fc.assert(
      fc.property(arbitraryMessage(kind.type), fc.constantFrom("yaml" as const, "json" as const), (message, format) => {
        const metadata = { ...fromJson(messageTypeOfMetadata(kind), {}), ...message.metadata, ...named };
        const resource = { ...message, metadata };
        const text = renderResource(kind, resource, { shape, format });
        const { documents, problems } = parseResources(kind, text, "text");
        expect(problems).toEqual([]);
        expect(documents.map((document) => document.shape)).toEqual([shape]);
        const read = documents[0]?.resource;
        expect(specEquals(kind, read as never, resource as never)).toBe(true);
        expect(specHash(kind, read as never)).toBe(specHash(kind, resource as never));
        expect(toJson(kind.type, read as never)).toEqual(toJson(kind.type, withoutEmptyStatuses(resource) as never));
      }),
      { numRuns: 60 },
    );
  });
});

function messageTypeOfMetadata(kind: (typeof allKinds)[number]): Parameters<typeof fromJson<object>>[0] {
  const field = kind.type.fields.find(({ name }) => name === "metadata");
  if (field?.type.kind !== "message") throw new Error(`${kind.kind} has no metadata`);
  return field.type.message as never;
}

/** An empty set of statuses is the same as none. */
function withoutEmptyStatuses(resource: Record<string, any>): object {
  const statuses = resource.namespacedStatuses?.statuses;
  if (statuses !== undefined && Object.keys(statuses).length > 0) return resource;
  const { namespacedStatuses: _, ...rest } = resource;
  return rest;
}
