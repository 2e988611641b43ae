import { type Backoff, type BackoffOptions, type Clock, createBackoff } from "../storage/index.ts";

export interface BatchOptions {
  /**
   * A change that comes after a pause of this length is synced at once; others wait until no further one has come for as long.
   * Milliseconds; default 5.
   */
  readonly quietMs?: number | undefined;
  /** Changes that keep coming delay a sync by no more than this. Milliseconds; default 100. */
  readonly maxWaitMs?: number | undefined;
  /** Delays before a failed sync is tried again. A change cuts them short, but not below the first. */
  readonly backoff?: BackoffOptions | undefined;
}

/** A sync whose changes have waited this many times the maximum wait is not aborted any more, lest none ever ends. */
const STARVATION = 10;

/** Decides when the next sync is due; it looks at a clock and has no timers. */
export class SyncSchedule {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #maxWaitMs: number;
  readonly #backoffOptions: BackoffOptions;
  #backoff: Backoff;
  /** When the oldest change came that no sync has been started for. */
  #pendingSince: number | undefined;
  /** When the oldest change came that no sync has succeeded for. */
  #unsyncedSince: number | undefined;
  #lastChange = Number.NEGATIVE_INFINITY;
  #lastEnd = Number.NEGATIVE_INFINITY;
  #atOnce = false;
  #failure: { readonly retryAt: number; readonly earliest: number } | undefined;
  /** Failed tries since the last success. */
  failures = 0;

  constructor(clock: Clock, options: BatchOptions) {
    this.#clock = clock;
    this.#quietMs = options.quietMs ?? 5;
    this.#maxWaitMs = options.maxWaitMs ?? 100;
    this.#backoffOptions = { initial: options.backoff?.initial ?? 100, max: options.backoff?.max ?? 15_000 };
    this.#backoff = createBackoff(clock, this.#backoffOptions);
  }

  changed(): void {
    const now = this.#clock.now();
    if (this.#pendingSince === undefined) {
      this.#pendingSince = now;
      this.#atOnce = now - Math.max(this.#lastChange, this.#lastEnd) >= this.#quietMs;
    }
    this.#unsyncedSince ??= now;
    this.#lastChange = now;
  }

  /** The clock's time at which to sync; Infinity while there is nothing to do. */
  due(): number {
    const forChanges = this.#dueForChanges();
    if (this.#failure === undefined) return forChanges;
    return Math.min(this.#failure.retryAt, Math.max(forChanges, this.#failure.earliest));
  }

  started(): void {
    this.#unsyncedSince ??= this.#clock.now();
    this.#pendingSince = undefined;
  }

  succeeded(): void {
    this.#lastEnd = this.#clock.now();
    this.#unsyncedSince = this.#pendingSince;
    this.#failure = undefined;
    this.failures = 0;
    this.#backoff = createBackoff(this.#clock, this.#backoffOptions);
  }

  /** Returns the milliseconds until the next try. */
  failed(): number {
    const now = this.#clock.now();
    this.#lastEnd = now;
    this.failures++;
    const delay = this.#backoff.next(0);
    this.#failure = { retryAt: now + delay, earliest: now + Math.min(delay, this.#backoffOptions.initial ?? delay) };
    return delay;
  }

  /** The sync was aborted for a change that is pending already. */
  superseded(): void {
    this.#failure = undefined;
    this.#lastEnd = this.#clock.now();
  }

  mayAbort(): boolean {
    return this.#clock.now() - (this.#unsyncedSince ?? 0) < STARVATION * this.#maxWaitMs;
  }

  #dueForChanges(): number {
    if (this.#pendingSince === undefined) return Number.POSITIVE_INFINITY;
    if (this.#atOnce) return this.#pendingSince;
    return Math.min(this.#lastChange + this.#quietMs, this.#pendingSince + this.#maxWaitMs);
  }
}
