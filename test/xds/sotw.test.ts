import { describe, expect, test } from "vitest";
import { typeUrls } from "../../src/xds/index.ts";
import { resources } from "./support/messages.ts";
import { KEY, typeRig } from "./support/rigs.ts";

const { cluster: CDS, endpoint: EDS, route: RDS } = typeUrls;

/** A stream of one type, with these resources in a complete cache. */
function rigWith(typeUrl: string, values: Record<string, string>) {
  const rig = typeRig("sotw", typeUrl);
  rig.cache.apply(KEY, { upsert: resources(typeUrl, values), complete: true });
  return rig;
}

/** The same, subscribed to `names` (none: legacy wildcard), answered and accepted. */
function settled(typeUrl: string, values: Record<string, string>, names: string[] = []) {
  const rig = rigWith(typeUrl, values);
  rig.ask({ names });
  const answer = rig.answer();
  rig.ack(answer, { names });
  return { rig, answer };
}

describe("subscriptions", () => {
  test("rule 14: an empty first list means everything for clusters", () => {
    const rig = rigWith(CDS, { a: "1", b: "1" });
    rig.ask({});
    expect(rig.answer()?.resources).toEqual({ a: "a=1", b: "b=1" });
  });

  test("rule 14: an empty first list means nothing for types that have no legacy wildcard", () => {
    const rig = rigWith(RDS, { a: "1" });
    rig.ask({});
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 14: naming a cluster ends the wildcard; an empty list then means nothing", () => {
    const { rig, answer: all } = settled(CDS, { a: "1", b: "1" });
    rig.ask({ nonce: all?.nonce ?? "", names: ["a"] });
    const named = rig.answer();
    expect(named?.resources).toEqual({ a: "a=1" });
    rig.ack(named, { names: [] });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2", b: "2" }) });
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 14: `*` in the list means everything, for every type", () => {
    const rig = rigWith(RDS, { a: "1", b: "1" });
    rig.ask({ names: ["*"] });
    const first = rig.answer();
    expect(first?.resources).toEqual({ a: "a=1", b: "b=1" });
    rig.ack(first, { names: ["*", "a"] });
    expect(rig.answer()?.resources).toEqual({ a: "a=1" });
  });

  test("rule 15: a newly named resource is sent though nothing has changed", () => {
    const { rig, answer: first } = settled(RDS, { a: "1", b: "1" }, ["a"]);
    rig.ask({ nonce: first?.nonce ?? "", version: first?.version ?? "", names: ["a", "b"] });
    const second = rig.answer();
    expect(second?.resources).toEqual({ b: "b=1" });
    // The version is that of what the client has, so that it tells on a reconnect.
    expect(second?.version).not.toBe(first?.version);
  });

  test("rule 15: a resource that was unsubscribed and is subscribed again is sent again", () => {
    const { rig, answer: first } = settled(RDS, { a: "1" }, ["a"]);
    rig.ask({ nonce: first?.nonce ?? "", names: [] });
    expect(rig.answer()).toBeUndefined();
    rig.ask({ nonce: first?.nonce ?? "", names: ["a"] });
    expect(rig.answer()?.resources).toEqual({ a: "a=1" });
  });

  test("rule 15: everything is sent again when `*` is left and asked for again", () => {
    const { rig, answer: first } = settled(RDS, { a: "1", b: "1" }, ["*"]);
    rig.ask({ nonce: first?.nonce ?? "", names: [] });
    rig.ask({ nonce: first?.nonce ?? "", names: ["*"] });
    expect(rig.answer()?.resources).toEqual({ a: "a=1", b: "b=1" });
  });

  test("rule 15: a newly named cluster is sent with all the others", () => {
    const { rig, answer: first } = settled(CDS, { a: "1", b: "1" }, ["a"]);
    rig.ask({ nonce: first?.nonce ?? "", names: ["a", "b"] });
    expect(rig.answer()?.resources).toEqual({ a: "a=1", b: "b=1" });
  });

  test("rule 18: a first wildcard request is answered though there is nothing", () => {
    const rig = rigWith(CDS, {});
    rig.ask({});
    expect(rig.answer()).toMatchObject({ typeUrl: CDS, resources: {} });
  });

  test("rule 19: a missing route is sent when it comes into being; a missing cluster is told by omission", () => {
    const routes = rigWith(RDS, {});
    routes.ask({ names: ["late"] });
    expect(routes.answer()).toBeUndefined();
    routes.cache.apply(KEY, { upsert: resources(RDS, { late: "1" }) });
    expect(routes.answer()?.resources).toEqual({ late: "late=1" });
    const clusters = rigWith(CDS, {});
    clusters.ask({ names: ["late"] });
    expect(clusters.answer()?.resources).toEqual({});
  });

  test("rule 32: nothing is answered before the type is complete, and then all of it", () => {
    const rig = typeRig("sotw");
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }) });
    rig.ask({});
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "1" }), complete: true });
    expect(rig.answer()?.resources).toEqual({ a: "a=1", b: "b=1" });
  });
});

describe("changes", () => {
  test("rule 20: clusters are sent whole each time, and a removal is an absence", () => {
    const { rig } = settled(CDS, { a: "1", b: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    const changed = rig.answer();
    expect(changed?.resources).toEqual({ a: "a=2", b: "b=1" });
    rig.ack(changed);
    rig.cache.apply(KEY, { remove: [{ typeUrl: CDS, name: "a" }] });
    expect(rig.answer()?.resources).toEqual({ b: "b=1" });
  });

  test("rule 20: removing an assignment sends nothing", () => {
    const { rig } = settled(EDS, { a: "1" }, ["a"]);
    rig.cache.apply(KEY, { remove: [{ typeUrl: EDS, name: "a" }] });
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 21: of routes only the changed ones are sent, and only if they were asked for", () => {
    const { rig } = settled(RDS, { a: "1", b: "1", c: "1" }, ["a", "b"]);
    rig.cache.apply(KEY, { upsert: resources(RDS, { b: "2", c: "2" }) });
    expect(rig.answer()?.resources).toEqual({ b: "b=2" });
  });

  test("a change of clusters that weren't asked for sends nothing", () => {
    const { rig } = settled(CDS, { a: "1", b: "1" }, ["a"]);
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "2" }) });
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 13: equal content has an equal version, and a change that is taken back sends nothing", () => {
    const { rig } = settled(CDS, { a: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }) });
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 13: a wildcard client that reconnects with the current version is sent nothing until something changes", () => {
    const { answer } = settled(CDS, { a: "1", b: "1" });
    const again = rigWith(CDS, { b: "1", a: "1" });
    again.ask({ version: answer?.version ?? "" });
    expect(again.answer()).toBeUndefined();
    again.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    expect(again.answer()?.resources).toEqual({ a: "a=2", b: "b=1" });
  });

  test("rule 13: a client that reconnects with the names and the content that it has is sent nothing until one changes", () => {
    const { answer } = settled(RDS, { a: "1", b: "1", other: "1" }, ["a", "b"]);
    const again = rigWith(RDS, { b: "1", a: "1", other: "2" });
    again.ask({ version: answer?.version ?? "", names: ["b", "a"] });
    expect(again.answer()).toBeUndefined();
    again.cache.apply(KEY, { upsert: resources(RDS, { a: "2" }) });
    expect(again.answer()?.resources).toEqual({ a: "a=2" });
  });

  test("rule 13: a client that reconnects with another version, other names or other content is answered in full", () => {
    const { answer } = settled(RDS, { a: "1", b: "1" }, ["a"]);
    const version = answer?.version ?? "";
    const named = rigWith(RDS, { a: "1", b: "1" });
    named.ask({ version, names: ["a", "b"] });
    expect(named.answer()?.resources).toEqual({ a: "a=1", b: "b=1" });
    const changed = rigWith(RDS, { a: "2", b: "1" });
    changed.ask({ version, names: ["a"] });
    expect(changed.answer()?.resources).toEqual({ a: "a=2" });
    const older = rigWith(CDS, { a: "1" });
    older.ask({ version: "0123456789abcdef0123456789abcdef" });
    expect(older.answer()?.resources).toEqual({ a: "a=1" });
  });

  test("rule 13: endpoints are sent to a client that reconnects, since a changed cluster of it may be waiting for them", () => {
    const { answer } = settled(EDS, { a: "1" }, ["a"]);
    const named = rigWith(EDS, { a: "1" });
    named.ask({ version: answer?.version ?? "", names: ["a"] });
    expect(named.answer()?.resources).toEqual({ a: "a=1" });
  });
});

describe("nonces, ACK and NACK", () => {
  test("rule 5: the first request of a stream is one, whatever its nonce", () => {
    const rig = rigWith(CDS, { a: "1" });
    rig.ask({ nonce: "of-an-earlier-stream" });
    expect(rig.answer()?.resources).toEqual({ a: "a=1" });
  });

  test("rule 5: each response has a nonce of its own", () => {
    const { rig, answer: first } = settled(CDS, { a: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    const second = rig.answer();
    rig.ack(second);
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }) });
    const third = rig.answer();
    expect(new Set([first?.nonce, second?.nonce, third?.nonce]).size).toBe(3);
    expect(third?.version).toBe(first?.version);
  });

  test("rule 7: a request with a stale nonce triggers nothing; the next one with the right nonce counts", () => {
    const rig = rigWith(RDS, { a: "1", b: "1" });
    rig.ask({ names: ["a"] });
    const first = rig.answer();
    rig.ask({ nonce: "stale", names: ["a", "b"] });
    expect(rig.answer()).toBeUndefined();
    rig.ack(first, { names: ["a", "b"] });
    expect(rig.answer()?.resources).toEqual({ b: "b=1" });
  });

  test("rule 7: while a response waits for its ACK no other is sent, then the latest state is", () => {
    const rig = rigWith(CDS, { a: "1" });
    rig.ask({});
    const first = rig.answer();
    for (const value of ["2", "3"]) rig.cache.apply(KEY, { upsert: resources(CDS, { a: value }) });
    expect(rig.answer()).toBeUndefined();
    rig.ack(first);
    expect(rig.answer()?.resources).toEqual({ a: "a=3" });
  });

  test("rule 6: error_detail alone tells a NACK from an ACK, whatever the version", () => {
    const nacks: string[] = [];
    const rig = typeRig("sotw", CDS);
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "1" }), complete: true });
    rig.ask({});
    const answer = rig.answer();
    rig.ask({ nonce: answer?.nonce ?? "", version: answer?.version ?? "", error: "no" });
    for (const { nacked } of rig.stream.describe().types) if (nacked) nacks.push(nacked.error.message);
    expect(nacks).toEqual(["no"]);
  });

  test("rule 10: after a NACK nothing is sent until there is new content", () => {
    const { rig } = settled(CDS, { a: "1" });
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    const refused = rig.answer();
    for (let i = 0; i < 3; i++) rig.nack(refused);
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "bad" }) });
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "good" }) });
    expect(rig.answer()?.resources).toEqual({ a: "a=good" });
  });

  test("rule 10: a NACK of the very first response sends nothing either", () => {
    const rig = rigWith(CDS, { a: "bad" });
    rig.ask({});
    rig.nack(rig.answer());
    expect(rig.answer()).toBeUndefined();
  });

  test("rule 11: what was refused along with a faulty route is sent in responses without that", () => {
    const { rig } = settled(RDS, { a: "1", b: "1" }, ["a", "b"]);
    rig.cache.apply(KEY, { upsert: resources(RDS, { a: "bad", b: "2" }) });
    rig.nack(rig.answer(), { names: ["a", "b"], error: "route a: no good" });
    const others = rig.answer();
    expect(others?.resources).toEqual({ b: "b=2" });
    rig.ack(others, { names: ["a", "b"] });
    expect(rig.answer()).toBeUndefined();
    rig.cache.apply(KEY, { upsert: resources(RDS, { a: "good" }) });
    expect(rig.answer()?.resources).toEqual({ a: "a=good" });
  });
});
