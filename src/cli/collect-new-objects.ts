import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Has V8 make room for new objects while nobody waits for it. By itself it does so whenever a megabyte is full. A change takes half of that
 * and more, so most had to wait for it on their way to the proxies, the better part of a millisecond each.
 */
export function collectNewObjects(): void {
  collect ??= exposedCollector();
  collect({ type: "minor" });
}

type Collector = (options: { readonly type: "minor" }) => void;

let collect: Collector | undefined;

/** The only way to the collector without a flag on the command line: a context that is made while the flag is set has it. */
function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc") as Collector;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
