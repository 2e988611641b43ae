type Log = (fields: object, message: string) => void;

/** What remote clients cause may be logged this often; the rest is counted. */
const LINES_PER_WINDOW = 20;
const WINDOW_MS = 10_000;

/** Wraps a log: of a flood, the first lines of each ten seconds are written, and then how many weren't. */
export function limitLines(log: Log, now: () => number = () => performance.now()): Log {
  let windowStart = Number.NEGATIVE_INFINITY;
  let written = 0;
  let dropped = 0;
  return (fields, message) => {
    if (now() - windowStart >= WINDOW_MS) {
      if (dropped > 0) log({ dropped }, `${dropped} similar lines were left out`);
      windowStart = now();
      written = 0;
      dropped = 0;
    }
    if (written < LINES_PER_WINDOW) {
      written++;
      log(fields, message);
    } else dropped++;
  };
}
