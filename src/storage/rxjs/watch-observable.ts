import { Observable } from "rxjs";
import type { Resource } from "../../resources/index.ts";
import type { ResourceClient, WatchEvent, WatchOptions } from "../client.ts";

/**
 * A watch as an Observable. Each subscription is a watch of its own, which ends with it. It completes when the storage is
 * closed, and errors only with the reason of the signal in the options. Events are emitted as they come: a subscriber that
 * works asynchronously and wants them coalesced meanwhile uses `client.watch()`.
 */
export function watch$<T extends Resource>(
  client: ResourceClient<T>,
  options: WatchOptions = {},
): Observable<WatchEvent<T>> {
  return new Observable((subscriber) => {
    const unsubscribed = new AbortController();
    const { signal } = options;
    const ending = signal === undefined ? unsubscribed.signal : AbortSignal.any([signal, unsubscribed.signal]);
    const run = async (): Promise<void> => {
      for await (const event of client.watch({ ...options, signal: ending })) subscriber.next(event);
    };
    run().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => unsubscribed.abort();
  });
}
