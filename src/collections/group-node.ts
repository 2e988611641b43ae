import type { Group } from "./collection.ts";
import type { Edge } from "./edge.ts";
import type { Engine } from "./engine.ts";
import type { IndexNode } from "./index-node.ts";
import { Node } from "./node.ts";
import type { Supposition } from "./supposition.ts";

/** The groups of an index as a collection. A group is new whenever one of its members changed, came or left. */
export class GroupNode<V> extends Node<Group<V>> {
  readonly type = "groupBy";
  readonly #index: IndexNode<V>;
  #due: Set<string>;

  constructor(engine: Engine, name: string, index: IndexNode<V>) {
    super(engine, name, Object.is);
    this.#index = index;
    this.#due = new Set(index.allGroups());
    index.consumers.push(this);
    this.wake();
  }

  markKey(group: string): void {
    this.#due.add(group);
    this.dirty = true;
  }

  turn(): void {
    const due = this.#due;
    this.#due = new Set();
    for (const key of due) {
      const keys = this.#index.groupKeys(key);
      this.put(key, keys.length === 0 ? undefined : { key, keys, values: this.#index.groupValues(key) });
    }
  }

  suppose(due: ReadonlySet<string>, supposed: Supposition): ReadonlyMap<string, Group<V> | undefined> {
    const groups = [...due].map((key): readonly [string, Group<V> | undefined] => {
      const keys = supposed.keysIn(this.#index, key);
      return [key, keys.length === 0 ? undefined : { key, keys, values: supposed.index(this.#index, key) }];
    });
    return this.differing(groups);
  }

  inputNames(): readonly string[] {
    return [this.#index.collection.name];
  }

  lookups(): Iterable<Edge> {
    return [];
  }

  isSynced(): boolean {
    return this.#index.collection.synced;
  }
}
