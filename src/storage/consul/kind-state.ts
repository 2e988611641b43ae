import type { KvChanges, KvEntry } from "../../consul/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import { type Kind, type Ref, type Resource, refKey } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { StoredEntry } from "../driver.ts";
import type { KeyLayout } from "./key-layout.ts";
import { type KvDocument, readKvDocument } from "./kv-document.ts";

/** What an answer changed. */
export interface KindChange<T> {
  readonly changed: readonly StoredEntry<T>[];
  readonly removed: readonly Ref[];
}

/** What is known of a kind's keys, between answers and over lost connections. */
export interface KindState<T> {
  readonly size: number;
  readonly entries: readonly StoredEntry<T>[];
  readonly problems: readonly Problem[];
  /** Resources that are kept although Consul lost them. */
  readonly heldCount: number;
  /** Whether a key is known in the very creation that one of these is. */
  hasSurvivor(answer: readonly KvEntry[]): boolean;
  /**
   * Takes an answer over; only values whose ModifyIndex moved are decoded.
   * @param replaced Consul's data are others than before: nothing is taken as unmoved, and what is missing is held
   */
  apply(answer: readonly KvEntry[], replaced: boolean): KindChange<T>;
  /** Takes over what tells an answer from the last one. */
  applyChanges(changes: KvChanges): KindChange<T>;
  /** Gives up what is held; the next answer removes it. */
  release(): void;
}

export function createKindState<T extends Resource>(kind: Kind<T>, layout: KeyLayout): KindState<T> {
  let documents = new Map<string, KvDocument<T>>();
  /** By refKey: what is shown of each resource. */
  let shown = new Map<string, KvDocument<T>>();
  let held = new Map<string, KvDocument<T>>();
  let problems: readonly Problem[] = [];
  /** Something is shown that the last answer lacked. */
  let isHolding = false;

  const changed = ({ written, deleted }: KvChanges): Map<string, KvDocument<T>> => {
    const next = new Map(documents);
    for (const key of deleted) next.delete(key);
    for (const entry of written) next.set(entry.key, readKvDocument(kind, layout, entry));
    return new Map([...next].sort(([a], [b]) => (a < b ? -1 : 1)));
  };

  /** Undefined: what is shown depends on more than the written keys. */
  const replaceWritten = ({ written, deleted }: KvChanges): KindChange<T> | undefined => {
    if (isHolding || deleted.length > 0) return undefined;
    const replacements = new Map<string, KvDocument<T> & { readonly stored: StoredEntry<T> }>();
    for (const entry of written) {
      const known = documents.get(entry.key);
      const id = known?.stored && refKey(known.stored.ref);
      if (id === undefined || known?.problem !== undefined || shown.get(id) !== known) return undefined;
      const { stored, ...document } = readKvDocument(kind, layout, entry);
      if (stored === undefined || refKey(stored.ref) !== id) return undefined;
      replacements.set(id, { ...document, stored });
    }
    for (const [id, document] of replacements) {
      documents.set(document.key, document);
      shown.set(id, document);
    }
    return { changed: [...replacements.values()].map(({ stored }) => stored), removed: [] };
  };

  const show = (next: Map<string, KvDocument<T>>): KindChange<T> => {
    const found: Problem[] = [];
    const nextShown = new Map<string, KvDocument<T>>();
    for (const document of next.values()) {
      if (document.problem !== undefined) found.push(document.problem);
      if (document.ref === undefined) continue;
      const id = refKey(document.ref);
      const other = nextShown.get(id);
      // Keys come sorted, so a namespace's own key comes before those below it, which win.
      if (other !== undefined) found.push(duplicate(other, document));
      nextShown.set(id, document);
    }
    for (const [id, document] of held) {
      if (nextShown.has(id)) held.delete(id);
      else nextShown.set(id, document);
    }
    const changed: StoredEntry<T>[] = [];
    const removed: Ref[] = [];
    for (const [id, { stored }] of nextShown) {
      if (stored !== undefined && shown.get(id)?.stored !== stored) changed.push(stored);
    }
    for (const [id, { ref }] of shown) if (ref !== undefined && !nextShown.has(id)) removed.push(ref);
    isHolding = held.size > 0;
    documents = next;
    shown = nextShown;
    problems = found;
    return { changed, removed };
  };

  return {
    get size() {
      return shown.size;
    },
    get entries() {
      return [...shown.values()].flatMap(({ stored }) => stored ?? []);
    },
    get problems() {
      return problems;
    },
    get heldCount() {
      return held.size;
    },
    hasSurvivor: (answer) => answer.some((entry) => documents.get(entry.key)?.createIndex === entry.createIndex),
    apply(answer, replaced) {
      if (replaced) held = new Map([...shown].filter(([, { stored }]) => stored !== undefined));
      const next = new Map<string, KvDocument<T>>();
      for (const entry of answer) {
        const known = replaced ? undefined : documents.get(entry.key);
        next.set(entry.key, isUnmoved(known, entry) ? known : readKvDocument(kind, layout, entry));
      }
      return show(next);
    },
    applyChanges(changes) {
      return replaceWritten(changes) ?? show(changed(changes));
    },
    release() {
      held.clear();
    },
  };
}

const isUnmoved = <D extends KvDocument<unknown>>(known: D | undefined, entry: KvEntry): known is D =>
  known?.modifyIndex === entry.modifyIndex && known.createIndex === entry.createIndex;

function duplicate(first: KvDocument<unknown>, second: KvDocument<unknown>): Problem {
  const message = `${first.key} holds the same resource as ${second.key}, which is used: delete one of them`;
  const location = { source: first.key };
  return { ref: undefined, location, error: new EpoxyError("invalid", message, { location }), lastGoodKept: false };
}
