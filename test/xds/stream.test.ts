import { describe, expect, test } from "vitest";
import { type NackEvent, type ResponseEvent, typeUrls } from "../../src/xds/index.ts";
import { InvalidRequest } from "../../src/xds/server/stream.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Answer, resource, resources } from "./support/messages.ts";
import { KEY, type StreamRig, streamRig } from "./support/rigs.ts";

const { cluster: CDS, endpoint: EDS, listener: LDS, route: RDS } = typeUrls;
const modes = ["sotw", "delta"] as const;

/** Subscribes as Envoy does: all listeners and clusters, routes and assignments by name. */
function subscribe(rig: StreamRig, names: { routes?: string[]; endpoints?: string[] } = {}): Answer[] {
  rig.ask({ typeUrl: CDS });
  rig.ask({ typeUrl: LDS });
  if (names.endpoints) rig.ask({ typeUrl: EDS, names: names.endpoints, subscribe: names.endpoints });
  if (names.routes) rig.ask({ typeUrl: RDS, names: names.routes, subscribe: names.routes });
  return rig.answers();
}

const ackAll = (rig: StreamRig, answers: Answer[], names: Record<string, string[]> = {}) => {
  for (const answer of answers) rig.ack(answer, { names: names[answer.typeUrl] ?? [] });
};

const ackRoute = (rig: StreamRig, answer: Answer | undefined) => rig.ack(answer, { names: ["r"] });

const types = (answers: Answer[]) => answers.map(({ typeUrl }) => typeUrl);

describe.each(modes)("%s", (mode) => {
  /** Clusters a and b, a listener, and a route `r`; everything accepted. */
  function settledRig(options: { ackTimeoutMs?: number } = {}) {
    const rig = streamRig(mode, options);
    rig.cache.apply(KEY, {
      upsert: [...resources(CDS, { a: "1", b: "1" }), ...resources(LDS, { l: "1" }), ...resources(RDS, { r: "to-b" })],
      complete: true,
    });
    ackAll(rig, subscribe(rig, { routes: ["r"] }), { [RDS]: ["r"] });
    expect(rig.answers()).toEqual([]);
    return rig;
  }

  test("rule 2: a request without type_url on an aggregated stream is invalid", () => {
    const rig = streamRig(mode);
    expect(() => rig.ask({})).toThrow(InvalidRequest);
  });

  test("rule 2: on a stream for one type the type may be left out, but must not differ", () => {
    const rig = streamRig(mode, { onlyType: CDS });
    rig.cache.apply(KEY, { complete: true });
    rig.ask({});
    expect(rig.answer()?.typeUrl).toBe(CDS);
    expect(() => rig.ask({ typeUrl: LDS })).toThrow(/serves .*Cluster only/);
  });

  test("rule 4: only the first request needs a node, across types; without one the stream is invalid", () => {
    const rig = streamRig(mode);
    rig.cache.apply(KEY, { complete: true });
    rig.ask({ typeUrl: CDS });
    rig.ask({ typeUrl: LDS, node: undefined });
    expect(types(rig.answers())).toEqual([CDS, LDS]);
    const anonymous = streamRig(mode);
    expect(() => anonymous.ask({ typeUrl: CDS, node: undefined })).toThrow(/node is missing/);
  });

  test("what is no protobuf message is invalid", () => {
    expect(() => streamRig(mode).stream.receive(Buffer.from([0x0a, 0xff]))).toThrow(InvalidRequest);
  });

  test("rule 3: each type has its own nonces, versions and subscriptions", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(LDS, { l: "2" }) });
    const listener = rig.answer();
    // A nonce of another type answers nothing.
    rig.ask({ typeUrl: CDS, nonce: listener?.nonce ?? "", error: "not mine" });
    expect(rig.stream.describe().types.map(({ outstanding, nacked }) => [outstanding, nacked])).toEqual([
      [0, undefined],
      [1, undefined],
      [0, undefined],
    ]);
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    expect(rig.answer()?.typeUrl).toBe(CDS);
  });

  test("rule 23: clusters and endpoints go before listeners, these before routes", () => {
    const rig = streamRig(mode);
    rig.cache.apply(KEY, {
      upsert: [CDS, EDS, LDS, RDS].map((typeUrl) => resource(typeUrl, "x")),
      complete: true,
    });
    ackAll(rig, subscribe(rig, { endpoints: ["x"], routes: ["x"] }), { [EDS]: ["x"], [RDS]: ["x"] });
    rig.cache.apply(KEY, { upsert: [RDS, LDS, EDS, CDS].map((typeUrl) => resource(typeUrl, "x", "2")) });
    expect(types(rig.answers())).toEqual([CDS, EDS, LDS, RDS]);
  });

  test("rule 23: a route to a new cluster waits until the cluster is accepted", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: [...resources(RDS, { r: "to-c" }), ...resources(CDS, { c: "1" })] });
    const clusters = rig.answer();
    expect(clusters?.typeUrl).toBe(CDS);
    rig.ack(clusters);
    expect(rig.answer()?.resources).toEqual({ r: "r=to-c" });
  });

  test("rule 23: a changed cluster is no new one, and holds up no route", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: [...resources(RDS, { r: "x" }), ...resources(CDS, { a: "2" })] });
    expect(types(rig.answers())).toEqual([CDS, RDS]);
  });

  test("rule 23: a refused cluster holds up no route for longer", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: [...resources(RDS, { r: "x" }), ...resources(CDS, { c: "bad" })] });
    rig.nack(rig.answer());
    expect(rig.answer()?.resources).toEqual({ r: "r=x" });
  });

  test("rule 23: an unanswered cluster holds up routes until the timeout, and no longer", async () => {
    const rig = settledRig({ ackTimeoutMs: 30 });
    rig.cache.apply(KEY, { upsert: [...resources(RDS, { r: "x" }), ...resources(CDS, { c: "1" })] });
    expect(types(rig.answers())).toEqual([CDS]);
    const late = await waitFor(() => rig.answer());
    expect(late.typeUrl).toBe(RDS);
  });

  test("rule 23: routes wait for the additions they came with, not for each later one", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: [...resources(RDS, { r: "x" }), ...resources(CDS, { c: "1" })] });
    const clusters = rig.answer();
    rig.cache.apply(KEY, { upsert: resources(CDS, { d: "1" }) });
    rig.ack(clusters);
    expect(types(rig.answers())).toEqual([CDS, RDS]);
  });

  test("rule 23: a route waits for a new cluster that itself waits behind an unanswered response", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(CDS, { a: "2" }) });
    const changed = rig.answer();
    rig.cache.apply(KEY, { upsert: [...resources(RDS, { r: "to-c" }), ...resources(CDS, { c: "1" })] });
    expect(rig.answers()).toEqual([]);
    rig.ack(changed);
    const added = rig.answer();
    expect(added?.resources).toMatchObject({ c: "c=1" });
    rig.ack(added);
    expect(rig.answer()?.resources).toEqual({ r: "r=to-c" });
  });

  test("rule 23: a cluster changed and then removed while unsent stays as the client has it", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "unsent" }) });
    rig.cache.apply(KEY, {
      upsert: [...resources(RDS, { r: "to-a" }), ...resources(CDS, { a: "2" })],
      remove: [{ typeUrl: CDS, name: "b" }],
    });
    expect(rig.answers()[0]?.resources).toEqual(mode === "sotw" ? { a: "a=2", b: "b=1" } : { a: "a=2" });
  });

  test("rule 23: a removed cluster stays until the route that dropped it is accepted", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "to-a" }), remove: [{ typeUrl: CDS, name: "b" }] });
    const route = rig.answer();
    expect(route?.typeUrl).toBe(RDS);
    expect(rig.stream.describe().types[0]?.held).toEqual(["b"]);
    ackRoute(rig, route);
    const clusters = rig.answer();
    expect(clusters?.typeUrl).toBe(CDS);
    expect(mode === "sotw" ? Object.keys(clusters?.resources ?? {}) : clusters?.removed).toEqual(
      mode === "sotw" ? ["a"] : ["b"],
    );
  });

  test("rule 23: while a removal waits, other changes of clusters are sent with the removed one still there", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, {
      upsert: [...resources(RDS, { r: "to-a" }), ...resources(CDS, { a: "2" })],
      remove: [{ typeUrl: CDS, name: "b" }],
    });
    const [clusters, route] = rig.answers();
    expect(clusters).toMatchObject({
      resources: mode === "sotw" ? { a: "a=2", b: "b=1" } : { a: "a=2" },
      removed: [],
    });
    rig.ack(clusters);
    ackRoute(rig, route);
    const last = rig.answer();
    expect(last).toMatchObject(mode === "sotw" ? { resources: { a: "a=2" } } : { resources: {}, removed: ["b"] });
  });

  test("rule 23: a removed cluster that comes back while its removal waits isn't removed", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "to-a" }), remove: [{ typeUrl: CDS, name: "b" }] });
    const route = rig.answer();
    rig.cache.apply(KEY, { upsert: resources(CDS, { b: "2" }) });
    rig.ack(rig.answer());
    ackRoute(rig, route);
    expect(rig.answers()).toEqual([]);
    expect(rig.stream.describe().types[0]?.held).toEqual([]);
  });

  test("rule 23: a removal doesn't wait for a change of routes that was taken back", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "x" }), remove: [{ typeUrl: CDS, name: "b" }] });
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "to-b" }) });
    expect(rig.answer()?.typeUrl).toBe(CDS);
  });

  test("rule 23: a refused route still uses its clusters, so they stay until a route is accepted", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "bad" }), remove: [{ typeUrl: CDS, name: "b" }] });
    rig.nack(rig.answer(), { names: ["r"] });
    expect(rig.answers()).toEqual([]);
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "to-a" }) });
    ackRoute(rig, rig.answer());
    expect(rig.answer()?.typeUrl).toBe(CDS);
  });

  test("rule 23: a client that answers no route gets the removal after the timeout", async () => {
    const rig = settledRig({ ackTimeoutMs: 10 });
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "to-a" }), remove: [{ typeUrl: CDS, name: "b" }] });
    expect(types(rig.answers())).toEqual([RDS]);
    expect((await waitFor(() => rig.answer())).typeUrl).toBe(CDS);
  });

  test("rule 23: a removal that nothing else changes with goes at once", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { remove: [{ typeUrl: CDS, name: "b" }] });
    expect(rig.answer()?.typeUrl).toBe(CDS);
  });

  test("rule 24: a changed cluster's assignment is sent after it, though that is unchanged", () => {
    const rig = streamRig(mode);
    const cluster = (value: string) => resource(CDS, "a", value, { resendWith: [{ typeUrl: EDS, name: "a" }] });
    rig.cache.apply(KEY, {
      upsert: [cluster("1"), ...resources(EDS, { a: "1", b: "1" })],
      complete: true,
    });
    ackAll(rig, subscribe(rig, { endpoints: ["a", "b"] }), { [EDS]: ["a", "b"] });
    rig.cache.apply(KEY, { upsert: [cluster("2")] });
    const answers = rig.answers();
    expect(types(answers)).toEqual([CDS, EDS]);
    expect(answers[1]?.resources).toEqual({ a: "a=1" });
  });

  test("rule 24: after a reconnect, too, whichever type is asked for first", () => {
    const cluster = (value: string) => resource(CDS, "a", value, { resendWith: [{ typeUrl: EDS, name: "a" }] });
    const claims = {
      [CDS]: { typeUrl: CDS, initial: { a: cluster("1").version }, version: "old" },
      [EDS]: { typeUrl: EDS, names: ["a"], subscribe: ["a"], initial: { a: resource(EDS, "a").version } },
    };
    for (const order of [
      [CDS, EDS],
      [EDS, CDS],
    ]) {
      const rig = streamRig(mode);
      rig.cache.apply(KEY, { upsert: [cluster("2"), resource(EDS, "a")], complete: true });
      const got: string[] = [];
      for (const typeUrl of order) {
        rig.ask(claims[typeUrl] ?? {});
        for (const answer of rig.answers()) {
          got.push(answer.typeUrl);
          rig.ack(answer, answer.typeUrl === EDS ? { names: ["a"] } : {});
          got.push(...types(rig.answers()));
        }
      }
      // The assignment comes after the cluster.
      expect(got.lastIndexOf(EDS)).toBeGreaterThan(got.lastIndexOf(CDS));
    }
  });

  test("rule 9: a slow client is written to again only when it has read, and then gets the latest state", () => {
    const rig = settledRig();
    rig.block();
    rig.cache.apply(KEY, { upsert: resources(LDS, { l: "2" }) });
    const listener = rig.answer();
    expect(listener?.resources).toEqual({ l: "l=2" });
    rig.ack(listener);
    for (const value of ["3", "4"]) rig.cache.apply(KEY, { upsert: resources(LDS, { l: value }) });
    expect(rig.answers()).toEqual([]);
    expect(rig.stream.describe().blocked).toBe(true);
    rig.stream.drained();
    expect(rig.answer()?.resources).toEqual({ l: "l=4" });
  });

  test("rule 28: responses say who made them", () => {
    const rig = streamRig(mode);
    rig.cache.apply(KEY, { complete: true });
    rig.ask({ typeUrl: CDS });
    expect(rig.answer()?.controlPlane).toBe("epoxy");
  });

  test("ACK and NACK are told with node, key, version and the resources concerned", () => {
    const acks: ResponseEvent[] = [];
    const nacks: NackEvent[] = [];
    const rig = streamRig(mode, {
      node: { id: "envoy-7", metadata: { role: "edge" } },
      events: { onAck: (event) => acks.push(event), onNack: (event) => nacks.push(event) },
    });
    rig.cache.apply(KEY, { upsert: [resource(CDS, "a", "1", { origin: "upstream a" })], complete: true });
    rig.ask({ typeUrl: CDS });
    const first = rig.answer();
    rig.ack(first);
    rig.cache.apply(KEY, { upsert: [resource(CDS, "a", "2", { origin: "upstream a" })] });
    rig.nack(rig.answer(), { error: "connect_timeout: value must be greater than 0s" });
    expect(acks).toMatchObject([
      { node: { id: "envoy-7", metadata: { role: "edge" } }, key: KEY, typeUrl: CDS, version: first?.version },
    ]);
    expect(nacks).toMatchObject([
      {
        errorDetail: { message: "connect_timeout: value must be greater than 0s" },
        resources: [{ name: "a", parts: [{ origin: "upstream a" }] }],
      },
    ]);
  });

  test("what a proxy has, wants and refused is shown", () => {
    const rig = settledRig();
    rig.cache.apply(KEY, { upsert: resources(RDS, { r: "bad" }) });
    rig.nack(rig.answer(), { names: ["r"] });
    const { types: shown, ...info } = rig.stream.describe();
    expect(info).toMatchObject({ mode, key: KEY, node: { id: "envoy-1" } });
    expect(shown.map(({ typeUrl, wildcard, names }) => [typeUrl, wildcard, names])).toEqual([
      [CDS, true, []],
      [LDS, true, []],
      [RDS, false, ["r"]],
    ]);
    expect(shown[0]?.acked).toBe(rig.cache.version(KEY, CDS));
    expect(shown[2]?.nacked).toMatchObject({
      version: rig.cache.version(KEY, RDS),
      error: { message: "refused" },
    });
  });
});

test("rule 22: what a resuming client may still use is removed only after its other types have been heard", async () => {
  const rig = streamRig("delta", { resumeGraceMs: 100 });
  rig.cache.apply(KEY, { upsert: resources(RDS, { r: "to-a" }), complete: true });
  rig.ask({ typeUrl: CDS, initial: { b: "old" } });
  expect(rig.answers()).toEqual([]);
  rig.ask({ typeUrl: RDS, subscribe: ["r"], initial: { r: "old" } });
  const route = rig.answer();
  expect(route?.resources).toEqual({ r: "r=to-a" });
  rig.ack(route);
  expect((await waitFor(() => rig.answer())).removed).toEqual(["b"]);
});
