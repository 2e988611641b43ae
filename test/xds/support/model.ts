import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createQuarantine, createXdsCache, typeUrls, type XdsCache, type XdsResource } from "../../../src/xds/index.ts";
import { createResponses } from "../../../src/xds/server/responses.ts";
import { resource } from "./messages.ts";
import { createModelClient, type Held, isFullState, type ModelClient, type ModelServer } from "./model-client.ts";
import { KEY } from "./rigs.ts";

/*
 * The reference that the server is held to: whatever happened, clients at rest have what the cache has, but for what they refuse. It takes
 * nothing from a test runner, so that it can be run on a server with a bug planted in it.
 */

const types = [typeUrls.cluster, typeUrls.endpoint, typeUrls.route];
const names = ["a", "b", "c"];

/** `bad` is refused by all clients, `odd` by the first one only. */
const value = fc.constantFrom("1", "2", "3", "4", "bad", "odd");
const kind = <K extends string>(it: K) => fc.constant(it);

/** Steps in a world of a few types, names and clients: in a small one they meet more often. */
function stepsIn(typeCount: number, nameCount: number, clients: number) {
  const typeUrl = fc.constantFrom(...types.slice(0, typeCount));
  const name = fc.constantFrom(...names.slice(0, nameCount));
  const client = fc.constantFrom(...[2, 0, 1, 3].slice(0, clients));
  const subscribed = fc.oneof({ weight: 2, arbitrary: name }, { weight: 1, arbitrary: fc.constant("*") });
  const upsert = fc.array(fc.record({ typeUrl, name, value }), { maxLength: 3 });
  const remove = fc.array(fc.record({ typeUrl, name }), { maxLength: 1 });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: kind("subscribe"), client, typeUrl, name: subscribed }) },
    { weight: 4, arbitrary: fc.record({ kind: kind("unsubscribe"), client, typeUrl, name: subscribed }) },
    { weight: 6, arbitrary: fc.record({ kind: kind("change"), upsert, remove }) },
    { weight: 7, arbitrary: fc.record({ kind: kind("read"), client, count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: kind("reconnect"), client }) },
    { weight: 2, arbitrary: fc.record({ kind: kind("complete") }) },
    { weight: 1, arbitrary: fc.record({ kind: kind("forget") }) },
    { weight: 1, arbitrary: fc.record({ kind: kind("restart") }) },
  );
  return fc.array(step, { minLength: 3, maxLength: 60 });
}
const sequence = fc
  .tuple(
    fc.integer({ min: 1, max: types.length }),
    fc.integer({ min: 1, max: names.length }),
    fc.integer({ min: 1, max: 4 }),
  )
  .chain((sizes) => stepsIn(...sizes));
type Step = typeof sequence extends fc.Arbitrary<(infer T)[]> ? T : never;

/** No client is that slow. */
const CANARY_TIMEOUT_MS = 600_000;

export interface ModelOptions {
  /** Number of sequences. */
  readonly sequences: number;
  readonly seed?: number | undefined;
  /** Default true: makes a failing sequence as short as it can. */
  readonly shrink?: boolean;
}

/** Runs random sequences. @throws with the sequence after which a client doesn't have what it should */
export function checkModel({ sequences, seed, shrink = true }: ModelOptions): void {
  fc.assert(
    fc.property(sequence, fc.boolean(), (steps, canary) => runSteps(steps, canary)),
    { numRuns: sequences, ...(seed !== undefined && { seed }), endOnFailure: !shrink },
  );
}

/** `canary`: new content goes to the proxy of the lowest id first, which is the one that refuses what is odd. */
function runSteps(steps: readonly Step[], canary: boolean): void {
  let server = createServer(canary);
  const isOdd = (content: string) => content.endsWith("=bad") || content.endsWith("=odd");
  const isBad = (content: string) => content.endsWith("=bad");
  const clients = [
    createModelClient({ id: "1", mode: "sotw", server: () => server.sotw, refuses: isOdd }),
    createModelClient({ id: "2", mode: "sotw", server: () => server.sotw, refuses: isBad }),
    createModelClient({ id: "3", mode: "delta", server: () => server.delta, refuses: isBad, partly: true }),
    createModelClient({ id: "4", mode: "delta", server: () => server.delta, refuses: isBad }),
  ];
  for (const it of steps) {
    const one = "client" in it ? clients[it.client] : undefined;
    if (it.kind === "subscribe") one?.subscribe(it.typeUrl, it.name);
    else if (it.kind === "unsubscribe") one?.unsubscribe(it.typeUrl, it.name);
    else if (it.kind === "read") one?.read(it.count);
    else if (it.kind === "reconnect") one?.reconnect();
    else if (it.kind === "complete") server.cache.apply(KEY, { complete: true });
    else if (it.kind === "forget") server.cache.delete(KEY);
    else if (it.kind === "change") {
      server.cache.apply(KEY, { upsert: it.upsert.map((edit) => contentOf(edit)), remove: it.remove });
    } else {
      for (const each of clients) each.close();
      server = restarted(server, canary);
      for (const each of clients) each.reconnect();
    }
  }
  const { cache } = server;
  // What is bad keeps nothing else away, though removals of what a refused route may use have to wait.
  cache.apply(KEY, { complete: true });
  settle(clients);
  const isDoubtful = canary ? isOdd : undefined;
  compare(clients, cache, (one) => isDoubtful ?? one.refuses);
  // Whoever is at fault mends it; then everything must come right.
  const mended = contents(cache).filter(({ parts }) => isOdd(Buffer.from(parts[0]?.bytes ?? []).toString()));
  cache.apply(KEY, { upsert: mended.map((it) => contentOf({ ...it, value: "mended" })) });
  settle(clients);
  compare(clients, cache);
  for (const each of clients) each.close();
}

interface Server {
  readonly cache: XdsCache;
  readonly sotw: ModelServer;
  readonly delta: ModelServer;
}

function createServer(canary: boolean, cache: XdsCache = createXdsCache()): Server {
  const quarantine = createQuarantine(cache);
  if (canary) quarantine.setCanaryTimeout(CANARY_TIMEOUT_MS);
  const shared = { cache, quarantine };
  return {
    cache,
    sotw: { ...shared, responses: createResponses("sotw", "epoxy") },
    delta: { ...shared, responses: createResponses("delta", "epoxy") },
  };
}

/** A new process, with what one keeps: what is served, what is refused, and the last good versions of that. Its sources aren't read yet. */
function restarted({ cache: old, sotw: { quarantine } }: Server, canary: boolean): Server {
  const cache = createXdsCache();
  cache.apply(KEY, { upsert: contents(old) });
  for (const refusal of quarantine.list()) {
    for (const version of old.accepted(KEY, refusal.typeUrl, refusal.name).toReversed()) cache.accept(KEY, version);
  }
  const next = createServer(canary, cache);
  next.sotw.quarantine.note(quarantine.list().flatMap(({ refusals }) => refusals));
  return next;
}

const contents = (cache: XdsCache): XdsResource[] =>
  types.flatMap((type) => names.flatMap((it) => cache.get(KEY, type, it) ?? []));

function contentOf(edit: { readonly typeUrl: string; readonly name: string; readonly value: string }): XdsResource {
  const isCluster = edit.typeUrl === typeUrls.cluster;
  const resendWith = isCluster ? [{ typeUrl: typeUrls.endpoint, name: edit.name }] : [];
  return resource(edit.typeUrl, edit.name, edit.value, { resendWith });
}

function settle(clients: readonly ModelClient[]): void {
  // Each client gets, at most, each resource anew a few times; more is a loop.
  for (let round = 0; clients.map((it) => it.read(100)).some(Boolean); round++) {
    if (round > 50) throw new Error("the server does not come to rest");
  }
}

/** `doubtful` says for a client which contents don't count when they are served, whatever it has instead. */
function compare(
  clients: readonly ModelClient[],
  cache: XdsCache,
  doubtful?: (one: ModelClient) => (content: string) => boolean,
): void {
  for (const [index, one] of clients.entries()) {
    const isDoubtful = doubtful?.(one);
    for (const [type, held] of one.held) {
      const served = new Map(names.map((it) => [it, textOf(cache.get(KEY, type, it))]));
      const counted = names.filter((it) => !isDoubtful?.(served.get(it) ?? ""));
      const wanted = counted.map((it) => (covers(held, it) ? served.get(it) : undefined));
      const has = counted.map((it) => (mayKeep(one, type, served.get(it)) ? undefined : held.resources.get(it)));
      // While a route is refused, what is removed may still be in use.
      const expected = isDoubtful === undefined ? wanted : wanted.map((it, at) => it ?? has[at]);
      assert.deepEqual(
        has,
        expected,
        `client ${index} (${one.mode}), ${type}, ${isDoubtful ? "before" : "after"} the mending`,
      );
    }
  }
}

const textOf = (it: XdsResource | undefined): string | undefined =>
  it?.parts[0] && Buffer.from(it.parts[0].bytes).toString();
const covers = (held: Held, it: string): boolean => held.wildcard || held.names.has(it);
/** Where a deletion isn't told it may keep what nothing refers to any more. */
const mayKeep = (one: ModelClient, type: string, served: string | undefined): boolean =>
  one.mode === "sotw" && !isFullState(type) && served === undefined;
