/** Files that are to be looked at when nothing has happened to them for a while. Times are by `performance.now()`. */
export interface DelayedFiles {
  has(path: string): boolean;
  /** Not before so many milliseconds from now, and after some patience all the same. @param eventAt when the event came, if not now */
  add(path: string, milliseconds: number, eventAt?: number): void;
  /** Those whose time has come, with the time of the first event. They are under way no more. */
  takeDue(): Iterable<readonly [path: string, since: number]>;
  /** When the next one is due; undefined: there is none. */
  readonly next: number | undefined;
  clear(): void;
}

/** Milliseconds after the first event when a file is read at the latest. */
const patience = 30;

export function createDelayedFiles(): DelayedFiles {
  const files = new Map<string, { readonly at: number; readonly latest: number; readonly since: number }>();
  return {
    has: (path) => files.has(path),
    add(path, milliseconds, eventAt) {
      const now = performance.now();
      const { latest = now + Math.max(patience, milliseconds), since = eventAt ?? now } = files.get(path) ?? {};
      files.set(path, { at: Math.min(now + milliseconds, latest), latest, since });
    },
    *takeDue() {
      const now = performance.now();
      for (const [path, { at, since }] of files) {
        if (at > now) continue;
        files.delete(path);
        yield [path, since] as const;
      }
    },
    get next() {
      let next: number | undefined;
      for (const { at } of files.values()) if (next === undefined || at < next) next = at;
      return next;
    },
    clear: () => files.clear(),
  };
}
