import { Observable } from "rxjs";
import type { ChangeSet, Collection } from "../collections/index.ts";
import type { Resource } from "../resources/index.ts";
import type { ResourceClient, WatchEvent, WatchOptions } from "../storage/index.ts";

/**
 * A client's watch as an Observable: each subscription is a watch of its own, and ending it ends that. It errors only with the
 * reason of `options.signal` (or if the client breaks its contract); a failing source is a `stale` event.
 */
export function watch$<T extends Resource>(
  client: Pick<ResourceClient<T>, "watch">,
  options: WatchOptions = {},
): Observable<WatchEvent<T>> {
  return new Observable((subscriber) => {
    const ended = new AbortController();
    const signal = options.signal === undefined ? ended.signal : AbortSignal.any([options.signal, ended.signal]);
    const pump = async (): Promise<void> => {
      for await (const event of client.watch({ ...options, signal })) {
        // A consumer that ends the subscription within `next` must not see another event.
        if (subscriber.closed) return;
        subscriber.next(event);
      }
    };
    pump().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => ended.abort();
  });
}

/** The changes of a collection as an Observable, beginning with what is there as additions. It never ends by itself. */
export function changes$<V>(collection: Collection<V>): Observable<ChangeSet<V>> {
  return new Observable((subscriber) =>
    collection.subscribe(
      (changes) => {
        if (changes.length > 0) subscriber.next(changes);
      },
      { initial: true },
    ),
  );
}
