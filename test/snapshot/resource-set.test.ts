import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Artifact } from "../../generated/proto/epoxy/gloo/v1/artifact.ts";
import { refKey, refOf } from "../../src/resources/index.ts";
import { emptySet, type PersistentSet } from "../../src/snapshot/resource-set.ts";
import { artifact } from "./support/resources.ts";

test("each successor of a set is what a copied map would be, and none changes an earlier one", () => {
  const changes = fc.dictionary(
    fc.integer({ min: 0, max: 60 }).map(String),
    fc.option(fc.string({ maxLength: 2 }), { nil: undefined }),
    { maxKeys: 30 },
  );
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 20 }), (steps) => {
      const history: { set: PersistentSet<Artifact>; model: ReadonlyMap<string, Artifact> }[] = [
        { set: emptySet<Artifact>(), model: new Map() },
      ];
      for (const step of steps) {
        const { set, model } = history.at(-1) as (typeof history)[number];
        const next = new Map(model);
        const difference = new Map<string, Artifact | undefined>();
        for (const [name, text] of Object.entries(step)) {
          const value = text === undefined ? undefined : artifact(name, text);
          difference.set(`ns/${name}`, value);
          if (value === undefined) next.delete(`ns/${name}`);
          else next.set(`ns/${name}`, value);
        }
        history.push({ set: set.with(difference), model: next });
      }
      for (const { set, model } of history) {
        expect(set.size).toBe(model.size);
        expect(set.list().map((item) => refKey(refOf(item)))).toEqual([...model.keys()].sort());
        expect([...set]).toEqual(set.list());
        for (let i = 0; i <= 60; i++) {
          const ref = { namespace: "ns", name: String(i) };
          expect(set.get(ref)).toBe(model.get(refKey(ref)));
          expect(set.has(ref)).toBe(model.has(refKey(ref)));
        }
      }
    }),
    { numRuns: 50 },
  );
});
