import type { DeriveOptions, Lookup } from "./collection.ts";
import type { Edge } from "./edge.ts";
import type { Engine } from "./engine.ts";
import { Node } from "./node.ts";
import type { Parts } from "./part.ts";
import { structuralEquals } from "./structural-equals.ts";
import type { Supposition } from "./supposition.ts";
import { Tracker } from "./tracker.ts";

/** Where a function finds its inputs: as they are, or as they are supposed to be. */
export interface InputValues {
  valueOf<V>(node: Node<V>, key: string): V | undefined;
}

/** What runs per key of the inputs. */
export type Compute<O> = (key: string, inputs: InputValues, lookup: Lookup, previous: O | undefined) => O | undefined;

const PRESENT: InputValues = { valueOf: (node, key) => node.values.get(key) };

/** A collection made key by key from one or more inputs with the same keys, or, without inputs, one entry `only`. */
export class DerivedNode<O> extends Node<O> {
  readonly type: string;
  readonly #inputs: readonly Node<any>[];
  readonly #only: string | undefined;
  readonly #compute: Compute<O>;
  readonly #keepLastGood: boolean;
  readonly #tracker = new Tracker(this);
  #due: Set<string>;

  constructor(
    engine: Engine,
    name: string,
    shape: { readonly type: string; readonly inputs: readonly Node<any>[]; readonly only?: string },
    compute: Compute<O>,
    options: DeriveOptions<O> = {},
  ) {
    super(engine, name, options.equals ?? structuralEquals);
    this.type = shape.type;
    this.#inputs = shape.inputs;
    this.#only = shape.only;
    this.#compute = compute;
    this.#keepLastGood = options.keepLastGood ?? true;
    this.#due = watchInputs(this, shape.inputs);
    if (shape.only !== undefined) this.#due.add(shape.only);
    this.wake();
  }

  markKey(inputKey: string): void {
    this.#due.add(inputKey);
    this.dirty = true;
  }

  turn(): void {
    const due = this.#due;
    this.#due = new Set();
    for (const key of due) this.#run(key);
  }

  suppose(due: ReadonlySet<string>, supposed: Supposition): ReadonlyMap<string, O | undefined> {
    const outputs = [...due].map((key): readonly [string, O | undefined] => {
      const isThere = key === this.#only || this.#inputs.some((input) => supposed.valueOf(input, key) !== undefined);
      if (!isThere) return [key, undefined];
      const last = this.values.get(key);
      const compute = (): O | undefined => this.#compute(key, supposed, supposed, last);
      return [key, supposed.run(this, key, compute, () => (this.#keepLastGood ? last : undefined))];
    });
    return this.differing(outputs);
  }

  inputNames(): readonly string[] {
    return this.#inputs.map((input) => input.name);
  }

  lookups(): Iterable<Edge> {
    return this.#tracker.edges();
  }

  override partsOf(inputKey: string): Parts | undefined {
    return this.#tracker.partsOf(inputKey);
  }

  isSynced(): boolean {
    return this.#inputs.every((input) => input.synced) && this.#tracker.isSynced();
  }

  #run(key: string): void {
    if (key !== this.#only && !this.#inputs.some((input) => input.values.has(key))) {
      this.#tracker.forget(key);
      this.errors.delete(key);
      this.put(key, undefined);
      return;
    }
    let output: O | undefined;
    try {
      output = this.#tracker.run(key, (lookup) => this.#compute(key, PRESENT, lookup, this.values.get(key)));
    } catch (error) {
      this.fail(key, error);
      if (!this.#keepLastGood) this.put(key, undefined);
      return;
    }
    this.errors.delete(key);
    this.put(key, output);
  }
}

/** Has `node` told of each change of its inputs, and returns the keys that are there already. */
export function watchInputs(
  node: Node<any> & { markKey(key: string): void },
  inputs: readonly Node<any>[],
): Set<string> {
  const due = new Set<string>();
  for (const input of inputs) {
    input.consumers.push(node);
    for (const key of input.values.keys()) due.add(key);
  }
  return due;
}
