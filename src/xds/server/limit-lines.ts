type Log = (fields: object, message: string) => void;

/** Writes a line that a remote client caused, or counts it. @param source who caused it */
export type LimitedLog = (source: string, fields: object, message: string) => void;

export interface LineLimits {
  /** Of one window. Defaults to 20. */
  readonly lines?: number | undefined;
  /** Of those, for each source, so that one that floods the log doesn't hide what others do. Defaults to 5. */
  readonly perSource?: number | undefined;
  /** In ms. Defaults to 10,000. */
  readonly windowMs?: number | undefined;
}

/** Limits what remote clients may write: of a flood, the first lines of each window are logged, and at its end how many weren't, and who caused most of them. */
export function limitLines(log: Log, { lines = 20, perSource = 5, windowMs = 10_000 }: LineLimits = {}): LimitedLog {
  const counts = new Map<string, number>();
  let written = 0;
  let dropped = 0;
  let windowEnd: NodeJS.Timeout | undefined;

  function endWindow(): void {
    if (dropped > 0) {
      const [most] = [...counts].sort((a, b) => b[1] - a[1]);
      log({ dropped, most: most?.[0] }, `${dropped} similar lines were left out, most of them caused by ${most?.[0]}`);
    }
    counts.clear();
    written = 0;
    dropped = 0;
    windowEnd = undefined;
  }

  return (source, fields, message) => {
    windowEnd ??= setTimeout(endWindow, windowMs).unref();
    const count = (counts.get(source) ?? 0) + 1;
    counts.set(source, count);
    if (count > perSource || written >= lines) {
      dropped++;
      return;
    }
    written++;
    log(fields, message);
  };
}

/** The address of a client without its port: one that comes again has another one. */
export function hostOf(peer: string): string {
  const colon = peer.lastIndexOf(":");
  return colon < 0 ? peer : peer.slice(0, colon);
}
