import { EpoxyError } from "../errors/index.ts";
import type { DeriveOptions, Lookup } from "./collection.ts";
import { watchInputs } from "./derived-node.ts";
import type { Edge } from "./edge.ts";
import type { Engine } from "./engine.ts";
import { Node } from "./node.ts";
import { collectOutputs, hasOutput, NO_OUTPUTS, outputAt, outputKeys, type Outputs } from "./outputs.ts";
import type { Parts } from "./part.ts";
import { structuralEquals } from "./structural-equals.ts";
import type { Supposition } from "./supposition.ts";
import { Tracker } from "./tracker.ts";

/** What runs per key of the input. */
export type ComputeMany<I, O> = (value: I, key: string, lookup: Lookup) => Iterable<readonly [key: string, value: O]>;

/**
 * A collection to which each input contributes any number of entries. Where two inputs claim one key, the input whose
 * key sorts first has it, and the conflict is among the errors as `output <key>` until one of them lets go.
 */
export class DerivedManyNode<I, O> extends Node<O> {
  readonly type = "deriveMany";
  readonly #input: Node<I>;
  readonly #compute: ComputeMany<I, O>;
  readonly #keepLastGood: boolean;
  readonly #tracker = new Tracker(this);
  readonly #outputs = new Map<string, Outputs<O>>();
  /** Inputs by the key that they claim; sorted where there are several. */
  readonly #claims = new Map<string, string | readonly string[]>();
  #due: Set<string>;

  constructor(
    engine: Engine,
    name: string,
    input: Node<I>,
    compute: ComputeMany<I, O>,
    options: DeriveOptions<O> = {},
  ) {
    super(engine, name, options.equals ?? structuralEquals);
    this.#input = input;
    this.#compute = compute;
    this.#keepLastGood = options.keepLastGood ?? true;
    this.#due = watchInputs(this, [input]);
    this.wake();
  }

  markKey(inputKey: string): void {
    this.#due.add(inputKey);
    this.dirty = true;
  }

  turn(): void {
    const due = this.#due;
    this.#due = new Set();
    const touched = new Set<string>();
    for (const inputKey of due) this.#replaceOutputs(inputKey, this.#run(inputKey), touched);
    for (const key of touched) this.#settle(key);
  }

  suppose(due: ReadonlySet<string>, supposed: Supposition): ReadonlyMap<string, O | undefined> {
    const outputs = new Map<string, Outputs<O>>();
    const touched = new Set<string>();
    for (const inputKey of due) {
      const known = this.#outputs.get(inputKey);
      const value = supposed.valueOf(this.#input, inputKey);
      const next: Outputs<O> =
        value === undefined
          ? NO_OUTPUTS
          : supposed.run(
              this,
              inputKey,
              () => this.#collect(value, inputKey, supposed),
              () => (this.#keepLastGood ? known : undefined) ?? NO_OUTPUTS,
            );
      outputs.set(inputKey, next);
      for (const key of outputKeys(known ?? NO_OUTPUTS)) touched.add(key);
      for (const key of outputKeys(next)) touched.add(key);
    }
    const settled = [...touched].map((key): readonly [string, O | undefined] => {
      const claim = this.#claims.get(key) ?? [];
      const kept = (typeof claim === "string" ? [claim] : claim).filter((inputKey) => !outputs.has(inputKey));
      const entered = [...outputs].flatMap(([inputKey, own]) => (hasOutput(own, key) ? [inputKey] : []));
      const winner = [...kept, ...entered].sort()[0];
      if (winner === undefined) return [key, undefined];
      return [key, outputAt(outputs.get(winner) ?? this.#outputs.get(winner) ?? NO_OUTPUTS, key)];
    });
    return this.differing(settled);
  }

  inputNames(): readonly string[] {
    return [this.#input.name];
  }

  lookups(): Iterable<Edge> {
    return this.#tracker.edges();
  }

  override partsOf(inputKey: string): Parts | undefined {
    return this.#tracker.partsOf(inputKey);
  }

  isSynced(): boolean {
    return this.#input.synced && this.#tracker.isSynced();
  }

  #run(inputKey: string): Outputs<O> {
    const value = this.#input.values.get(inputKey);
    if (value === undefined) {
      this.#tracker.forget(inputKey);
      this.errors.delete(inputKey);
      return NO_OUTPUTS;
    }
    try {
      const outputs = this.#tracker.run(inputKey, (lookup) => this.#collect(value, inputKey, lookup));
      this.errors.delete(inputKey);
      return outputs;
    } catch (error) {
      this.fail(inputKey, error);
      return (this.#keepLastGood ? this.#outputs.get(inputKey) : undefined) ?? NO_OUTPUTS;
    }
  }

  #collect(value: I, inputKey: string, lookup: Lookup): Outputs<O> {
    return collectOutputs(this.#compute(value, inputKey, lookup), (key) => {
      throw new EpoxyError("conflict", `'${inputKey}' makes '${key}' twice in collection '${this.name}'`);
    });
  }

  #replaceOutputs(inputKey: string, outputs: Outputs<O>, touched: Set<string>): void {
    for (const key of outputKeys(this.#outputs.get(inputKey) ?? NO_OUTPUTS)) {
      touched.add(key);
      if (!hasOutput(outputs, key)) this.#release(key, inputKey);
    }
    for (const key of outputKeys(outputs)) {
      touched.add(key);
      this.#claim(key, inputKey);
    }
    if (outputs === NO_OUTPUTS) this.#outputs.delete(inputKey);
    else this.#outputs.set(inputKey, outputs);
  }

  #claim(key: string, inputKey: string): void {
    const known = this.#claims.get(key);
    if (known === undefined) this.#claims.set(key, inputKey);
    else if (typeof known === "string") {
      if (known !== inputKey) this.#claims.set(key, [known, inputKey].sort());
    } else if (!known.includes(inputKey)) this.#claims.set(key, [...known, inputKey].sort());
  }

  #release(key: string, inputKey: string): void {
    const known = this.#claims.get(key);
    if (known === inputKey) this.#claims.delete(key);
    else if (known !== undefined && typeof known !== "string") {
      const left = known.filter((other) => other !== inputKey);
      this.#claims.set(key, left.length === 1 ? (left[0] as string) : left);
    }
  }

  #settle(key: string): void {
    const claim = this.#claims.get(key);
    const winner = typeof claim === "string" || claim === undefined ? claim : claim[0];
    const errorKey = `output ${key}`;
    if (claim === undefined || typeof claim === "string") this.errors.delete(errorKey);
    else {
      const message = `'${key}' in collection '${this.name}' is claimed by ${claim.join(", ")}: '${winner}' has it`;
      this.fail(errorKey, new EpoxyError("conflict", message));
    }
    const output = winner === undefined ? undefined : outputAt(this.#outputs.get(winner) ?? NO_OUTPUTS, key);
    this.put(key, output, errorKey);
  }
}
