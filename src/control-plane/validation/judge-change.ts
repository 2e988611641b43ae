import type { ChangeSet, Collection, Graph, SupposedEdit, SupposedOutcome } from "../../collections/index.ts";
import {
  type AnyKind,
  problemPath,
  type Ref,
  refKey,
  refText,
  type Resource,
  specEquals,
} from "../../resources/index.ts";
import type { ResourceKey, TranslationProblem } from "../../resources/index.ts";

/** A write that hasn't happened; `after` undefined: a deletion. */
export interface IntendedChange {
  readonly kind: AnyKind;
  readonly ref: Ref;
  readonly after: Resource | undefined;
}

/** Something that would be wrong after a change and isn't now. */
export interface NewProblem {
  readonly severity: TranslationProblem["severity"];
  /** With the path in the resource, and with its name if it isn't the one that is written. */
  readonly message: string;
}

export interface ChangeJudge {
  /** Whether anything that is written there counts here. */
  watches(namespace: string): boolean;
  /** What a change would break; undefined: not everything is read yet, so nobody can tell. */
  judge(change: IntendedChange): readonly NewProblem[] | undefined;
  /** A change that is on its way into storage: later ones are judged as if it had arrived, for a few seconds at most. */
  admit(change: IntendedChange): void;
}

export interface ChangeJudgeOptions {
  readonly graph: Graph;
  /** Where translators say what is wrong. */
  readonly problems: readonly Collection<readonly TranslationProblem[]>[];
  /** The source of a kind's resources, by refKey; undefined: nothing depends on them. */
  sourceOf(kind: AnyKind): Collection<any> | undefined;
  /** Whether a namespace is watched. */
  watches(namespace: string): boolean;
  /** Milliseconds, for tests. */
  readonly now?: (() => number) | undefined;
}

/** For how long an admitted change that the watch doesn't show is counted on: another webhook may have refused it. */
const ADMITTED_MS = 5_000;

/** Judges changes by the very graph that serves: what depends on the change is translated, and nothing is changed. */
export function createChangeJudge(options: ChangeJudgeOptions): ChangeJudge {
  const { graph, problems, sourceOf, watches, now = () => performance.now() } = options;
  const admitted = new Map<string, { readonly change: IntendedChange; readonly until: number }>();
  const keyOf = ({ kind, ref }: IntendedChange): string => `${kind.kind}/${refKey(ref)}`;

  /** Those that count on, and haven't arrived. */
  function underWay(except: string): readonly SupposedEdit[] {
    const edits: SupposedEdit[] = [];
    for (const [key, { change, until }] of admitted) {
      const source = sourceOf(change.kind);
      const present = source?.get(refKey(change.ref)) as Resource | undefined;
      if (until < now() || source === undefined || isSame(change, present)) admitted.delete(key);
      else if (key !== except) edits.push({ source, key: refKey(change.ref), value: change.after });
    }
    return edits;
  }

  return {
    watches,
    judge(change) {
      const { kind, ref, after } = change;
      const source = sourceOf(kind);
      if (source === undefined) return [];
      if (!problems.every(({ synced }) => synced)) return undefined;
      const others = underWay(keyOf(change));
      const edit = { source, key: refKey(ref), value: after };
      const base = others.length === 0 ? undefined : graph.whatIf(others, problems);
      const outcome = graph.whatIf([...others, edit], problems);
      return newProblems(problems, base, outcome, { kind: kind.kind, ref });
    },
    admit(change) {
      if (sourceOf(change.kind) !== undefined) admitted.set(keyOf(change), { change, until: now() + ADMITTED_MS });
    },
  };
}

function isSame({ kind, after }: IntendedChange, present: Resource | undefined): boolean {
  return after === undefined || present === undefined ? after === present : specEquals(kind, after, present);
}

type Problems = readonly TranslationProblem[];

/** What the outcome has more of than there is now (or than there is in `base`), each text once. */
function newProblems(
  collections: readonly Collection<Problems>[],
  base: SupposedOutcome | undefined,
  outcome: SupposedOutcome,
  own: ResourceKey,
): readonly NewProblem[] {
  const counts = new Map<string, number>();
  const texts = new Map<string, NewProblem>();
  for (const collection of collections) {
    const before = byKey(base?.changes(collection) ?? []);
    const after = byKey(outcome.changes(collection));
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const now = collection.get(key) ?? [];
      for (const problem of before.has(key) ? (before.get(key) ?? []) : now) count(counts, problem, -1);
      for (const problem of after.has(key) ? (after.get(key) ?? []) : now) {
        const identity = count(counts, problem, 1);
        if (!texts.has(identity)) texts.set(identity, describe(problem, own));
      }
    }
  }
  const added = [...texts].filter(([identity]) => (counts.get(identity) ?? 0) > 0).map(([, problem]) => problem);
  return [...new Map(added.map((problem) => [problem.message, problem])).values()];
}

const byKey = (changes: ChangeSet<Problems>): ReadonlyMap<string, Problems | undefined> =>
  new Map(changes.map(({ key, after }) => [key, after]));

/** Counts by text and resources, not by path: a fault that an edit only moves is none of its making. */
function count(counts: Map<string, number>, { severity, message, sources }: TranslationProblem, by: number): string {
  const whose = sources.map(({ kind, ref }) => `${kind}/${refKey(ref)}`).join(" ");
  const identity = `${severity} ${whose} ${message}`;
  counts.set(identity, (counts.get(identity) ?? 0) + by);
  return identity;
}

function describe(problem: TranslationProblem, own: ResourceKey): NewProblem {
  const { severity, sources, message } = problem;
  const itself = sources.find(({ kind, ref }) => kind === own.kind && refKey(ref) === refKey(own.ref));
  const source = itself ?? sources[0];
  const path = source && problemPath(problem, source);
  const text = path === undefined || path === "" ? message : `${message} (${path})`;
  const isOther = itself === undefined && source !== undefined;
  return { severity, message: isOther ? `${source.kind} ${refText(source.ref)}: ${text}` : text };
}
