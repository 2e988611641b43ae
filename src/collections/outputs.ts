import { sharedText } from "../resources/index.ts";

/**
 * What one input makes, by key. Of a few entries as pairs, flat: most inputs make one, and a Map of one takes four times the memory of
 * that.
 */
export type Outputs<O> = readonly unknown[] | ReadonlyMap<string, O>;

export const NO_OUTPUTS: readonly never[] = [];

/** Above this many entries a Map is the faster one. */
const FEW = 8;

/** Takes entries as they come; `onTwice` is called with a key that is there already, and throws. */
export function collectOutputs<O>(
  entries: Iterable<readonly [key: string, value: O]>,
  onTwice: (key: string) => never,
): Outputs<O> {
  const pairs: unknown[] = [];
  let many: Map<string, O> | undefined;
  for (const [key, value] of entries) {
    if (many === undefined && pairs.length >= 2 * FEW) many = new Map(pairsOf<O>(pairs));
    if (many === undefined ? indexOf(pairs, key) >= 0 : many.has(key)) onTwice(key);
    if (many === undefined) pairs.push(sharedText(key), value);
    else many.set(sharedText(key), value);
  }
  // A copy has no room to grow.
  return many ?? (pairs.length === 0 ? NO_OUTPUTS : pairs.slice());
}

export function hasOutput(outputs: Outputs<unknown>, key: string): boolean {
  return isPairs(outputs) ? indexOf(outputs, key) >= 0 : outputs.has(key);
}

export function outputAt<O>(outputs: Outputs<O>, key: string): O | undefined {
  if (!isPairs(outputs)) return outputs.get(key);
  const index = indexOf(outputs, key);
  return index < 0 ? undefined : (outputs[index + 1] as O);
}

export function outputKeys(outputs: Outputs<unknown>): Iterable<string> {
  if (!isPairs(outputs)) return outputs.keys();
  return outputs.length === 2 ? [outputs[0] as string] : pairsOf(outputs).map(([key]) => key);
}

const isPairs = (outputs: Outputs<unknown>): outputs is readonly unknown[] => Array.isArray(outputs);

function indexOf(pairs: readonly unknown[], key: string): number {
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === key) return i;
  return -1;
}

function pairsOf<O>(pairs: readonly unknown[]): [key: string, value: O][] {
  const entries: [string, O][] = [];
  for (let i = 0; i < pairs.length; i += 2) entries.push([pairs[i] as string, pairs[i + 1] as O]);
  return entries;
}
