import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import { structuralEquals } from "../collections/index.ts";
import { combineErrors, type EpoxyError, isNotFound } from "../errors/index.ts";
import { type Ref, type Resource, refText, specEquals, statusOf } from "../resources/index.ts";
import { type ResourceClient, systemClock } from "../storage/index.ts";
import { CONCURRENCY, type RetryOptions, retry, toEpoxyError } from "./retry.ts";
import { runLimited } from "./run-limited.ts";

export interface StatusReporterOptions extends RetryOptions {
  /** The key of `namespacedStatuses.statuses` that is written: the namespace of this control plane, such as `gloo-system`. */
  readonly namespace: string;
}

/** A verdict on one resource. */
export interface StatusEntry<T> {
  readonly ref: Ref;
  /** The version that was judged: if the stored specification is another by now, nothing is written. */
  readonly resource: T;
  readonly status: Status;
}

export interface ReportOptions<T> {
  readonly signal?: AbortSignal | undefined;
  /**
   * The stored resource as it was seen last, such as `WatchedSource.latest`: what has the status already is then known without
   * asking the storage, also in a new process.
   */
  readonly latest?: ((ref: Ref) => T | undefined) | undefined;
  /** Whether failures reject the call (default) or are only in the result. */
  readonly onErrors?: "throw" | "return" | undefined;
}

export interface ReportResult {
  readonly written: readonly Ref[];
  /** Has that status already. */
  readonly unchanged: readonly Ref[];
  /** Deleted, or specified anew, since it was judged. */
  readonly outdated: readonly Ref[];
  readonly errors: readonly { readonly ref: Ref; readonly error: EpoxyError }[];
}

export interface StatusReporter {
  /**
   * Writes statuses where they differ. All entries are tried, whatever fails; conflicts and an unavailable storage are tried
   * again a few times. @throws an error of all failures (see `problemsOf`) unless `onErrors` is `return`; the signal's reason
   */
  report<T extends Resource>(
    client: ResourceClient<T>,
    entries: Iterable<StatusEntry<T>>,
    options?: ReportOptions<T>,
  ): Promise<ReportResult>;
}

type Outcome = "written" | "unchanged" | "outdated";

/** Makes a status reporter. */
export function createStatusReporter(options: StatusReporterOptions): StatusReporter {
  const { namespace, clock = systemClock } = options;
  // What this process wrote last for a judged version; the watch may not have shown it yet.
  const written = new WeakMap<Resource, Status>();

  const isCurrent = <T extends Resource>(entry: StatusEntry<T>, latest: ReportOptions<T>["latest"]): boolean => {
    const known = written.get(entry.resource);
    if (known !== undefined && !structuralEquals(known, entry.status)) return false;
    if (latest === undefined) return known !== undefined;
    const seen = latest(entry.ref);
    const stored = seen === undefined ? undefined : statusOf(seen, namespace);
    return stored !== undefined && structuralEquals(stored, entry.status);
  };

  const write = async <T extends Resource>(
    client: ResourceClient<T>,
    { ref, resource, status }: StatusEntry<T>,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    let moved = false;
    const precondition = (stored: T): boolean => {
      moved = !specEquals(client.kind, stored, resource);
      return !moved;
    };
    try {
      const wrote = await client.writeStatus(ref, namespace, status, { precondition, signal });
      if (moved) return "outdated";
      written.set(resource, status);
      return wrote ? "written" : "unchanged";
    } catch (error) {
      if (isNotFound(error)) return "outdated";
      throw error;
    }
  };

  return {
    async report(client, entries, { signal = new AbortController().signal, latest, onErrors = "throw" } = {}) {
      const outcomes: Record<Outcome, Ref[]> = { written: [], unchanged: [], outdated: [] };
      const errors: { ref: Ref; error: EpoxyError }[] = [];
      await runLimited([...entries], CONCURRENCY, async (entry) => {
        const { ref } = entry;
        try {
          const outcome = isCurrent(entry, latest)
            ? "unchanged"
            : await retry(() => write(client, entry, signal), clock, signal, options);
          outcomes[outcome].push(ref);
        } catch (error) {
          signal.throwIfAborted();
          const name = `${client.kind.kind} ${refText(ref)}`;
          errors.push({ ref, error: toEpoxyError(error, `can't write the status of ${name}`, name) });
        }
      });
      if (onErrors === "throw" && errors.length > 0) throw combineErrors(errors.map(({ error }) => error));
      return { ...outcomes, errors };
    },
  };
}
