import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kinds } from "../../generated/sdk/index.ts";
import {
  decodeBinary,
  encodeCanonical,
  fromJson,
  type MessageType,
  parseResources,
  renderResource,
  toJson,
} from "../../src/resources/index.ts";
import { arbitraryMessage } from "./support/arbitrary.ts";
import { allKinds } from "./support/sample.ts";

describe("the generated kinds", () => {
  it("are all there", () => {
    expect(kinds.map(({ kind }) => kind).sort()).toEqual(allKinds.map(({ kind }) => kind).sort());
  });

  it.each(kinds.map((kind) => [kind.kind, kind] as const))(
    "%s is held alike by tables, codec, JSON and YAML",
    (_, kind) => {
      const type: MessageType<any> = kind.type;
      fc.assert(
        fc.property(arbitraryMessage(type), (message) => {
          const bytes = encodeCanonical(type, message);
          expect(decodeBinary(type, type.codec.encode(message).finish())).toEqual(message);
          expect(type.codec.decode(bytes)).toEqual(message);
          expect(fromJson(type, toJson(type, message))).toEqual(message);
          const named = {
            ...message,
            namespacedStatuses: undefined,
            metadata: fromJson(type, { metadata: { name: "a" } }).metadata,
          };
          expect(parseResources(kind, renderResource(kind, named), "text").documents[0]?.resource).toEqual(named);
        }),
        { numRuns: 50 },
      );
    },
  );
});
