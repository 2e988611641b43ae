import type { Kind, Resource } from "../../../src/resources/index.ts";
import type { ResourceClient, WatchEvent } from "../../../src/storage/index.ts";

const refuse = (): never => {
  throw new Error("this client can only watch");
};

/** A client whose watch yields what the test pushes. Only one watch at a time. */
export function pushedClient<T extends Resource>(kind: Kind<T>) {
  const queue: WatchEvent<T>[] = [];
  let wake = Promise.withResolvers<void>();
  let watching = 0;
  const client: ResourceClient<T> = {
    kind,
    read: refuse,
    write: refuse,
    delete: refuse,
    list: refuse,
    writeStatus: refuse,
    async *watch({ signal } = {}) {
      watching++;
      try {
        for (;;) {
          const event = queue.shift();
          if (event !== undefined) {
            yield event;
            continue;
          }
          const aborted = Promise.withResolvers<never>();
          const abort = (): void => aborted.reject(signal?.reason);
          if (signal?.aborted === true) abort();
          signal?.addEventListener("abort", abort, { once: true });
          await Promise.race([wake.promise, aborted.promise]);
          signal?.removeEventListener("abort", abort);
          wake = Promise.withResolvers();
        }
      } finally {
        watching--;
      }
    },
  };
  return {
    client,
    push: (event: WatchEvent<T>): void => {
      queue.push(event);
      wake.resolve();
    },
    isWatched: () => watching > 0,
  };
}
