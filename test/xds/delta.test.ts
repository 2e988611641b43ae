import { describe, expect, test } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { resource, resources } from "./support/messages.ts";
import { KEY, streamRig, typeRig } from "./support/rigs.ts";

const { cluster: CDS, endpoint: EDS, listener: LDS } = typeUrls;

/** A stream of one type, with these resources in a complete cache. */
function rigWith(typeUrl: string, values: Record<string, string>) {
  const rig = typeRig("delta", typeUrl);
  rig.cache.apply(KEY, { upsert: resources(typeUrl, values), complete: true });
  return rig;
}

/** The same, with a wildcard subscription that has been answered and accepted. */
function settledWildcard(values: Record<string, string>) {
  const rig = rigWith(CDS, values);
  rig.ask({});
  rig.ack(rig.answer());
  return rig;
}

describe("wildcard subscriptions", () => {
  test("rule 14: an empty first request means everything for clusters", () => {
    const rig = rigWith(CDS, { a: "1", b: "1" });
    rig.ask({});
    expect(rig.answer()).toMatchObject({ resources: { a: "a=1", b: "b=1" }, removed: [] });
  });

  test("rule 14: an empty first request means nothing for types that have no legacy wildcard", () => {
    const rig = rigWith(EDS, { a: "1" });
    rig.ask({});
    expect(rig.answer()).toBeUndefined();
    rig.ask({ subscribe: ["*"] });
    expect(rig.answer()).toMatchObject({ resources: { a: "a=1" } });
  });

  test("rule 14: `*` is everything, and may be combined with names", () => {
    const rig = rigWith(EDS, { a: "1", b: "1" });
    rig.ask({ subscribe: ["*", "a", "missing"] });
    const answer = rig.answer();
    expect(answer).toMatchObject({ resources: { a: "a=1", b: "b=1" }, removed: ["missing"] });
  });

  test("rule 14: a name on top of a legacy wildcard keeps the wildcard, until `*` is unsubscribed", () => {
    const rig = settledWildcard({ a: "1", b: "1" });
    rig.ask({ subscribe: ["a"] });
    rig.ack(rig.answer());
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "2" }) });
    const both = rig.answer();
    expect(both?.resources).toEqual({ b: "b=2" });
    rig.ack(both);
    rig.ask({ unsubscribe: ["*"] });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "3", b: "3" }) });
    expect(rig.answer()?.resources).toEqual({ a: "a=3" });
  });

  test("rule 18: a first wildcard request is answered though there is nothing", () => {
    const rig = rigWith(CDS, {});
    rig.ask({});
    expect(rig.answer()).toMatchObject({ resources: {}, removed: [] });
  });

  test("rule 32: nothing is answered before the type is complete, and then all of it", () => {
    const rig = typeRig("delta");
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }) });
    rig.ask({});
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { complete: [EDS] });
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "1" }), complete: [CDS] });
    expect(rig.answer()?.resources).toEqual({ a: "a=1", b: "b=1" });
  });

  test("a change is told as that change: added, replaced and removed names, nothing else", () => {
    const rig = settledWildcard({ a: "1", b: "1", c: "1" });
    rig.cache.apply(KEY, {
      upsert: resources(CDS, { b: "2", d: "1" }),
      remove: [{ typeUrl: CDS, name: "c" }],
    });
    const answer = rig.answer();
    expect(answer).toMatchObject({ resources: { b: "b=2", d: "d=1" }, removed: ["c"] });
    rig.ack(answer);
    expect(rig.answer()).toBeUndefined();
  });

  test("asking for `*` again is answered with everything, removals that were under way included", () => {
    const rig = settledWildcard({ a: "1", b: "1" });
    rig.cache.apply(KEY, { remove: [{ typeUrl: CDS, name: "b" }] });
    rig.ask({ subscribe: ["*"] });
    expect(rig.answer()).toMatchObject({ resources: { a: "a=1" }, removed: ["b"] });
  });
});

describe("named subscriptions", () => {
  test("rule 16: a name that the client has is answered again when it is subscribed again", () => {
    const rig = rigWith(EDS, { a: "1" });
    rig.ask({ subscribe: ["a"] });
    const first = rig.answer();
    rig.ack(first);
    rig.ask({ subscribe: ["a"] });
    const second = rig.answer();
    expect(second?.resources).toEqual({ a: "a=1" });
    expect(second?.nonce).not.toBe(first?.nonce);
  });

  test("rule 16: a subscription is answered while another response waits for its ACK", () => {
    const rig = rigWith(EDS, { a: "1", b: "1" });
    rig.ask({ subscribe: ["a"] });
    rig.answer();
    rig.ask({ subscribe: ["b"] });
    expect(rig.answer()?.resources).toEqual({ b: "b=1" });
  });

  test("rule 16: a client that never answers is not written to without end", () => {
    const rig = rigWith(EDS, { a: "1" });
    for (let i = 0; i < 100; i++) rig.ask({ subscribe: ["a"] });
    expect(rig.answers().length).toBeLessThan(20);
  });

  test("rule 8: subscriptions count though the nonce is stale", () => {
    const rig = rigWith(EDS, { a: "1", b: "1" });
    rig.ask({ subscribe: ["a"] });
    rig.ack(rig.answer());
    rig.ask({ nonce: "from-long-ago", subscribe: ["b"], unsubscribe: ["a"] });
    const answer = rig.answer();
    expect(answer?.resources).toEqual({ b: "b=1" });
    rig.ack(answer);
    rig.cache.apply(KEY, { upsert: resources(EDS, { a: "2" }) });
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 17: unsubscribing a name that `*` covers is answered with the resource, or with its absence", () => {
    const rig = settledWildcard({ a: "1" });
    rig.ask({ unsubscribe: ["a"] });
    const there = rig.answer();
    expect(there).toMatchObject({ resources: { a: "a=1" }, removed: [] });
    rig.ack(there);
    rig.ask({ unsubscribe: ["missing"] });
    expect(rig.answer()).toMatchObject({ resources: {}, removed: ["missing"] });
  });

  test("rule 17: unsubscribing an unknown name is ignored, and no unsubscription is answered without `*`", () => {
    const rig = rigWith(EDS, { a: "1" });
    rig.ask({ subscribe: ["a"] });
    rig.ack(rig.answer());
    rig.ask({ unsubscribe: ["never-asked-for", "a"] });
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 19: a missing resource is reported at once, and pushed when it comes into being", () => {
    const rig = rigWith(EDS, { a: "1" });
    rig.ask({ subscribe: ["a", "late"] });
    const first = rig.answer();
    expect(first).toMatchObject({ resources: { a: "a=1" }, removed: ["late"] });
    rig.ack(first);
    rig.cache.apply(KEY, { upsert: resources(EDS, { late: "1", other: "1" }) });
    expect(rig.answer()).toMatchObject({ resources: { late: "late=1" }, removed: [] });
  });

  test("rule 20: a deletion is told by name", () => {
    const rig = rigWith(EDS, { a: "1", b: "1" });
    rig.ask({ subscribe: ["a"] });
    rig.ack(rig.answer());
    rig.cache.apply(KEY, {
      remove: [
        { typeUrl: EDS, name: "a" },
        { typeUrl: EDS, name: "b" },
      ],
    });
    expect(rig.answer()).toMatchObject({ resources: {}, removed: ["a"] });
  });

  test("rule 12: a named resource that changed and changed back isn't sent again", () => {
    const rig = rigWith(EDS, { a: "1" });
    rig.ask({ subscribe: ["a"] });
    rig.ack(rig.answer());
    rig.cache.apply(KEY, { upsert: resources(EDS, { a: "2" }) });
    rig.cache.apply(KEY, { upsert: resources(EDS, { a: "1" }) });
    expect(rig.answer()).toBeUndefined();
  });
});

describe("ACK and NACK", () => {
  test("rule 10: neither an ACK nor a NACK makes the server send anything", () => {
    const rig = rigWith(CDS, { a: "1" });
    rig.ask({});
    rig.ack(rig.answer());
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    rig.nack(rig.answer());
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 10: after a NACK new content is sent, and applying the refused content again is no such thing", () => {
    const rig = settledWildcard({ a: "1", b: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    rig.nack(rig.answer());
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "good" }) });
    expect(rig.answer()?.resources).toEqual({ a: "a=good" });
  });

  test("what is there again when its removal is refused is not removed after that", () => {
    const rig = settledWildcard({ a: "1" });
    rig.cache.apply(KEY, { upsert: [resource(CDS, "b", "bad")], remove: [{ typeUrl: CDS, name: "a" }] });
    const refused = rig.answer();
    expect(refused).toMatchObject({ resources: { b: "b=bad" }, removed: ["a"] });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1", b: "1" }) });
    // Asks for everything, and gets it before it has looked at what it refuses.
    rig.ask({ subscribe: ["*"] });
    const all = rig.answer();
    expect(all).toMatchObject({ resources: { a: "a=1", b: "b=1" }, removed: [] });
    rig.nack(refused, { error: "cluster(s) b: no good" });
    rig.ack(all);
    const removed = rig.answers().flatMap((answer) => answer.removed);
    expect(removed).toEqual([]);
  });

  test("rule 11: what was refused along with a faulty resource is sent in responses without that", () => {
    const rig = settledWildcard({ a: "1", b: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "bad", b: "2" }) });
    rig.nack(rig.answer(), { error: "cluster(s) a: no good" });
    const others = rig.answer();
    expect(others?.resources).toEqual({ b: "b=2" });
    rig.ack(others);
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "good" }) });
    expect(rig.answer()?.resources).toEqual({ a: "a=good" });
  });

  test("rule 12: each resource has its own version, the same for the same content", () => {
    const rig = settledWildcard({ a: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    expect(rig.answer()?.versions).toEqual({ a: resource(CDS, "a", "2").version });
  });

  test("rule 9: changes while a response waits for its ACK go as one, with the latest state", () => {
    const rig = settledWildcard({ a: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    const first = rig.answer();
    for (const value of ["3", "4", "5"]) rig.cache.apply(KEY, { upsert: resources(CDS, { a: value }) });
    expect(rig.answer()).toBeUndefined();
    rig.ack(first);
    expect(rig.answer()?.resources).toEqual({ a: "a=5" });
  });
});

describe("reconnects", () => {
  test("rule 22: a client that has everything is sent nothing", () => {
    const rig = rigWith(CDS, { a: "1", b: "1" });
    rig.ask({
      initial: { a: resource(CDS, "a", "1").version, b: resource(CDS, "b", "1").version },
    });
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "2" }) });
    expect(rig.answer()?.resources).toEqual({ b: "b=2" });
  });

  test("rule 22: the difference is sent: changed, new and gone", () => {
    const rig = rigWith(CDS, { same: "1", changed: "2", fresh: "1" });
    rig.ask({
      initial: {
        same: resource(CDS, "same", "1").version,
        changed: resource(CDS, "changed", "1").version,
        gone: resource(CDS, "gone", "1").version,
      },
    });
    expect(rig.answer()).toMatchObject({
      resources: { changed: "changed=2", fresh: "fresh=1" },
      removed: ["gone"],
    });
  });

  test("rule 22: named subscriptions are compared too, and those without a claim are answered", () => {
    const rig = rigWith(EDS, { a: "1", b: "1", c: "1" });
    rig.ask({
      subscribe: ["a", "b", "gone", "missing"],
      initial: { a: resource(EDS, "a", "1").version, gone: "1", c: "old" },
    });
    const answer = rig.answer();
    expect(answer?.resources).toEqual({ b: "b=1" });
    expect([...(answer?.removed ?? [])].sort()).toEqual(["gone", "missing"]);
  });

  test("rule 22: the claim waits with the answer until the type is complete", () => {
    const rig = typeRig("delta");
    rig.ask({ initial: { a: resource(CDS, "a", "1").version, gone: "1" } });
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
    expect(rig.answer()).toMatchObject({ resources: {}, removed: ["gone"] });
  });
});

describe("a type that goes ahead", () => {
  test("is given to a client that has nothing, and the rest when it is complete; nothing is said of what is missing", () => {
    const rig = typeRig("delta");
    rig.ask({});
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1", b: "1" }), ahead: [CDS] });
    const first = rig.answer();
    expect(first).toMatchObject({ resources: { a: "a=1", b: "b=1" }, removed: [] });
    rig.ack(first);
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1", b: "2", c: "1" }), complete: [CDS] });
    expect(rig.answer()).toMatchObject({ resources: { b: "b=2", c: "c=1" }, removed: [] });
  });

  test("is given to a client that comes later, too", () => {
    const rig = typeRig("delta");
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), ahead: [CDS] });
    rig.ask({});
    expect(rig.answer()?.resources).toEqual({ a: "a=1" });
  });

  test.each([
    { client: "has something from before", ask: { initial: { a: "0", other: "0" } } },
    { client: "asks for a name", ask: { subscribe: ["*", "other"] } },
    { client: "asks for names only", ask: { subscribe: ["other"] } },
  ])("waits until it is complete where a client $client, which would take what is missing for deleted", ({ ask }) => {
    const rig = typeRig("delta");
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), ahead: [CDS] });
    rig.ask(ask);
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { other: "1" }), complete: [CDS] });
    expect(rig.answer()).toMatchObject({ resources: { other: "other=1" }, removed: [] });
  });

  test("waits until it is complete in state of the world, which has no way to tell a part", () => {
    const rig = typeRig("sotw");
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), ahead: [CDS] });
    rig.ask({});
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { complete: [CDS] });
    expect(rig.answer()?.resources).toEqual({ a: "a=1" });
  });

  test("lets no other type go ahead", () => {
    const rig = streamRig("delta");
    rig.ask({ typeUrl: CDS });
    rig.ask({ typeUrl: LDS });
    rig.cache.apply(KEY, { upsert: [...resources(CDS, { a: "1" }), ...resources(LDS, { l: "1" })], ahead: [CDS] });
    const ahead = rig.answer();
    expect(ahead).toMatchObject({ typeUrl: CDS, resources: { a: "a=1" } });
    rig.ack(ahead);
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { complete: true });
    expect(rig.answer()).toMatchObject({ typeUrl: LDS, resources: { l: "l=1" } });
  });
});

test("a key that was deleted and comes back is told as the difference", () => {
  const rig = settledWildcard({ a: "1", b: "1" });
  rig.cache.delete(KEY);
  expect(rig.answer()).toBeUndefined();
  rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }), complete: true });
  expect(rig.answer()).toMatchObject({ resources: { a: "a=2" }, removed: ["b"] });
});

test("subscriptions of one stream don't reach another", () => {
  const first = streamRig("delta");
  const second = streamRig("delta", { cache: first.cache });
  first.cache.apply(KEY, { upsert: resources(EDS, { a: "1", b: "1" }), complete: true });
  first.ask({ typeUrl: EDS, subscribe: ["a"] });
  second.ask({ typeUrl: EDS, subscribe: ["b"] });
  first.ack(first.answer());
  second.ack(second.answer());
  first.cache.apply(KEY, { upsert: resources(EDS, { b: "2" }) });
  expect(first.answer()).toBeUndefined();
  expect(second.answer()?.resources).toEqual({ b: "b=2" });
});
