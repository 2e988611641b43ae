import { EpoxyError } from "../errors/index.ts";
import type { Source } from "./collection.ts";
import type { Edge } from "./edge.ts";
import { Node } from "./node.ts";
import type { Supposition } from "./supposition.ts";

/** A collection filled from outside. Edits are staged until the flush, so that no reader sees half of a batch. */
export class SourceNode<V> extends Node<V> implements Source<V> {
  readonly type = "source";
  #staged = new Map<string, V | undefined>();
  #syncedNext = false;

  set(key: string, value: V): void {
    this.#stage(key, value);
    this.wake();
  }

  delete(key: string): void {
    this.#stage(key, undefined);
    this.wake();
  }

  apply(edits: Iterable<readonly [key: string, value: V | undefined]>): void {
    // All or, where the iterable throws, nothing.
    for (const [key, value] of [...edits]) this.#stage(key, value);
    this.wake();
  }

  replaceAll(entries: Iterable<readonly [key: string, value: V]>): void {
    this.#assertOutside();
    const staged = new Map<string, V | undefined>(entries);
    for (const key of this.values.keys()) if (!staged.has(key)) staged.set(key, undefined);
    this.#staged = staged;
    this.wake();
  }

  markSynced(synced = true): void {
    this.#assertOutside();
    if (this.#syncedNext === synced) return;
    this.#syncedNext = synced;
    this.wake();
  }

  turn(): void {
    const staged = this.#staged;
    this.#staged = new Map();
    for (const [key, value] of staged) {
      this.errors.delete(key);
      this.put(key, value);
    }
  }

  suppose(due: ReadonlySet<string>, supposed: Supposition): ReadonlyMap<string, V | undefined> {
    return this.differing([...due].map((key) => [key, supposed.editOf(this, key)] as const));
  }

  inputNames(): readonly string[] {
    return [];
  }

  lookups(): Iterable<Edge> {
    return [];
  }

  isSynced(): boolean {
    return this.#syncedNext;
  }

  #stage(key: string, value: V | undefined): void {
    this.#assertOutside();
    this.#staged.set(key, value);
  }

  #assertOutside(): void {
    const running = this.engine.running;
    if (running === undefined) return;
    throw new EpoxyError(
      "invalid",
      `the function of collection '${running.name}' edits '${this.name}': functions of a graph must be pure`,
    );
  }
}
