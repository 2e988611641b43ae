import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { Source } from "../../../../src/collections/index.ts";
import type { Memory } from "../remembering-graph.ts";
import { translationSettings } from "../../../../src/envoy/index.ts";
import { refKey, refOf } from "../../../../src/resources/index.ts";
import { type Chain, createChain, gatewayDefaults, resourcesOf } from "../chain.ts";
import { outcome } from "../outcome.ts";
import { afterRestart, memoryOf } from "../remembering-graph.ts";
import { formerLife } from "./former-life.ts";
import { type Step, changeWorld, emptyWorld, sequences, type World } from "./edits.ts";
import { kinds, type Spec } from "./specs.ts";

export interface OracleOptions {
  readonly sequences: number;
  /** Steps of a sequence, at most. */
  readonly maxSteps: number;
  /** Of the random numbers; what failed once is run again by it. */
  readonly seed: number;
  /** One of the seed's sequences alone, as fast-check names it. */
  readonly path?: string | undefined;
  /** Whether what fails is made smaller, which takes its time. */
  readonly shrink?: boolean;
}

/**
 * Applies random sequences of edits, and compares with a translation from scratch after each step.
 *
 * By design a few results depend on the past (who has a domain keeps it; a listener or virtual host that can't be built keeps its last
 * good version). They are named in remembering-graph.ts; the graph made from scratch is given exactly their outputs of one step before,
 * and nothing else, so each step is one whole translation from the present input and that memory.
 *
 * @returns what was seen, and how often: types that were served, states of statuses
 * @throws Error with seed, path and the shrunk edits
 */
export function checkOracle(options: OracleOptions): ReadonlyMap<string, number> {
  const { sequences: numRuns, maxSteps, seed, path, shrink = true } = options;
  const seen = new Map<string, number>();
  const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(sequences(maxSteps), (steps) => checkSequence(steps, note)),
    { numRuns, seed, endOnFailure: !shrink, ...(path !== undefined && { path }) },
  );
  return seen;
}

const everything = { whole: true } as const;

function checkSequence(steps: readonly Step[], note: (what: string) => void): void {
  const world = emptyWorld();
  const saved = formerLife();
  let incremental = createChain({}, undefined, undefined, true, { ...everything, ...saved.former });
  saved.follow(incremental);
  incremental.graph.flush();
  let memory = memoryOf(incremental.graph);
  for (const [at, { edits, arrival }] of steps.entries()) {
    for (const one of edits) changeWorld(world, one);
    if (arrival.startsWith("restart")) {
      incremental.leaveCache();
      memory = afterRestart(memory);
      const { cache } = incremental;
      saved.stop();
      const isDue = arrival === "restart";
      incremental = createChain({}, undefined, undefined, isDue, { ...everything, ...saved.former, cache });
      saved.follow(incremental);
    }
    fill(incremental, world, arrival === "changes");
    if (incremental.routesDue.value !== true) {
      incremental.routesDue.set(true);
      incremental.graph.flush();
    }
    const expected = fromScratch(world, memory);
    const got = outcome(incremental);
    if (!isDeepStrictEqual(got, expected)) {
      throw new Error(`after step ${at}: ${firstDifference(got, expected)}`);
    }
    const [failure] = incremental.failures;
    if (failure !== undefined) throw new Error(`after step ${at} a function of the graph threw`, { cause: failure });
    memory = memoryOf(incremental.graph);
    noteOutcome(expected, note);
  }
}

function fromScratch(world: World, memory: Memory): Readonly<Record<string, unknown>> {
  const scratch = createChain({}, memory, undefined, true, everything);
  // Nothing may depend on the order in which things came.
  const entries = <V>(map: ReadonlyMap<string, V>): Map<string, V> => new Map([...map].toReversed());
  fill(
    scratch,
    {
      ...world,
      ...{ specs: entries(world.specs), endpoints: entries(world.endpoints), services: entries(world.services) },
      ...{ slices: entries(world.slices), pods: entries(world.pods) },
    },
    false,
  );
  return outcome(scratch);
}

/** Has a chain know the world, by what differs from what it knows or by all there is. */
function fill(chain: Chain, world: World, byChanges: boolean): void {
  const put = <V>(source: Source<V>, wanted: ReadonlyMap<string, V>): void => {
    if (!byChanges) return source.replaceAll(wanted);
    for (const key of source.keys()) if (!wanted.has(key)) source.delete(key);
    for (const [key, value] of wanted) source.set(key, value);
  };
  const wanted = new Map<string, Map<string, unknown>>(Object.keys(kinds).map((kind) => [kind, new Map()]));
  for (const [at, spec] of world.specs) {
    const [kind = ""] = at.split("/");
    for (const { resource } of resourcesOf(yamlOf(at, spec))) wanted.get(kind)?.set(refKey(refOf(resource)), resource);
  }
  for (const [kind, resources] of wanted) put(chain.source(kind), resources);
  put(chain.endpoints, world.endpoints);
  if (chain.kubernetes !== undefined) {
    put(chain.kubernetes.services, world.services);
    put(chain.kubernetes.slices, world.slices);
    put(chain.kubernetes.pods, world.pods);
    chain.kubernetes.podsKnown.set(world.podsKnown);
  }
  chain.translation.set({ ...translationSettings(undefined), ...world.settings });
  chain.gatewaySettings.set({ ...gatewayDefaults, ...world.gatewaySettings });
  chain.warnShortCircuits.set(world.shortCircuits);
  chain.graph.flush();
}

function yamlOf(at: string, { labels = {}, ...spec }: Spec): string {
  const [kind = "", namespace, name] = at.split("/");
  return JSON.stringify({ apiVersion: kinds[kind]?.apiVersion, kind, metadata: { name, namespace, labels }, spec });
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, it: unknown) => (typeof it === "bigint" ? `${it}` : it)) ?? "nothing";

/** Where two outcomes differ first, and how. */
function firstDifference(got: unknown, expected: unknown, path = ""): string {
  const isObject = (it: unknown): it is Readonly<Record<string, unknown>> => typeof it === "object" && it !== null;
  if (isObject(got) && isObject(expected)) {
    for (const key of new Set([...Object.keys(got), ...Object.keys(expected)])) {
      if (!isDeepStrictEqual(got[key], expected[key])) {
        return firstDifference(got[key], expected[key], `${path}/${key}`);
      }
    }
  }
  const [is, shouldBe] = [got, expected].map((it) => textOf(it).slice(0, 300));
  return `${path} is ${is}, from scratch ${shouldBe}`;
}

function noteOutcome(expected: Readonly<Record<string, unknown>>, note: (what: string) => void): void {
  for (const key of Object.keys(expected["served"] as object)) note(key.split("|")[1] ?? "");
  for (const [state] of textOf(expected["statuses"]).matchAll(/"state":\d/g)) note(state);
}
