import { EpoxyError, errorCode } from "../errors/index.ts";
import {
  type Kind,
  type Resource,
  checkRef,
  deepFreeze,
  matchesSelector,
  type Ref,
  refOf,
} from "../resources/index.ts";
import { type BackoffOptions, type Clock, systemClock } from "./backoff.ts";
import { checkSelector } from "./check-selector.ts";
import type { ListOptions, ResourceClient, Storage } from "./client.ts";
import { copyPlain } from "./copy-plain.ts";
import { notFoundError, resourceText } from "./driver-errors.ts";
import type { StorageDriver } from "./driver.ts";
import { inOrder } from "./order.ts";
import { type WatchSession, startWatchSession } from "./watch-session.ts";

export interface RuntimeOptions {
  /** Delays between attempts of a watch whose source fails. */
  readonly backoff?: BackoffOptions | undefined;
  readonly clock?: Clock | undefined;
}

/** Makes a storage of a driver: the same rules, order and watch semantics for every engine. */
export function createStorage(driver: StorageDriver, options: RuntimeOptions = {}): Storage {
  const runtime = createRuntime(driver, options);
  const clients = new Map<Kind<any>, ResourceClient<any>>();
  return {
    description: driver.description,
    client<T extends Resource>(kind: Kind<T>): ResourceClient<T> {
      const client = clients.get(kind) ?? createClient(kind, runtime);
      clients.set(kind, client);
      return client;
    },
    close: runtime.close,
    [Symbol.asyncDispose]: runtime.close,
  };
}

/** What the clients of one storage share. */
interface Runtime {
  readonly driver: StorageDriver;
  readonly options: RuntimeOptions;
  readonly sessions: Set<WatchSession<any>>;
  /** Runs a call of the driver: aborts with the caller or the storage, and throws EpoxyErrors or the signal's reason only. */
  readonly call: <R>(
    signal: AbortSignal | undefined,
    what: string,
    run: (signal: AbortSignal) => Promise<R>,
  ) => Promise<R>;
  readonly toError: (error: unknown, what: string) => EpoxyError;
  readonly assertOpen: () => void;
  readonly close: () => Promise<void>;
}

function createRuntime(driver: StorageDriver, options: RuntimeOptions): Runtime {
  const calls = new Map<AbortController, Promise<unknown>>();
  const sessions = new Set<WatchSession<any>>();
  let closed: Promise<void> | undefined;
  const closedError = () => new EpoxyError("unavailable", `the storage is closed: ${driver.description}`);

  const toError = (error: unknown, what: string): EpoxyError => {
    if (error instanceof Error && error.name === "EpoxyError" && errorCode(error) !== undefined)
      return error as EpoxyError;
    const message = error instanceof Error ? error.message : String(error);
    const code = errorCode(error) ?? "unavailable";
    return new EpoxyError(code, `${what}: ${message} (${driver.description})`, { cause: error });
  };
  const assertOpen = (): void => {
    if (closed !== undefined) throw closedError();
  };
  const closeAll = async (): Promise<void> => {
    const running = [...calls.values()];
    for (const ending of calls.keys()) ending.abort();
    await Promise.all([...sessions].map((session) => session.close()));
    await Promise.allSettled(running);
    await driver.close();
  };

  return {
    driver,
    options,
    sessions,
    toError,
    assertOpen,
    async call(signal, what, run) {
      signal?.throwIfAborted();
      assertOpen();
      // Not AbortSignal.any: what it makes of a signal that lives long, as a controller's does, is collected late.
      const ending = new AbortController();
      const aborted = Promise.withResolvers<never>();
      ending.signal.addEventListener("abort", () => aborted.reject(ending.signal.reason), { once: true });
      const onAbort = (): void => ending.abort(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      const runToItsEnd = async () => {
        // So that it is in the list below before it can end.
        await Promise.resolve();
        try {
          return await run(ending.signal);
        } finally {
          calls.delete(ending);
          signal?.removeEventListener("abort", onAbort);
        }
      };
      const running = runToItsEnd();
      calls.set(ending, running);
      try {
        return await Promise.race([running, aborted.promise]);
      } catch (error) {
        signal?.throwIfAborted();
        assertOpen();
        throw toError(error, what);
      }
    },
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
}

function createClient<T extends Resource>(kind: Kind<T>, runtime: Runtime): ResourceClient<T> {
  const { driver, call } = runtime;
  const clock = runtime.options.clock ?? systemClock;
  const text = (ref: Ref) => resourceText(kind, ref);

  return {
    kind,

    async read(ref, { signal } = {}) {
      checkRef(kind, ref);
      const entry = await call(signal, `can't read ${text(ref)}`, (ending) =>
        driver.read(kind, ref, { signal: ending }),
      );
      if (entry === undefined) throw notFoundError(kind, ref, driver.description);
      return frozen(entry.resource);
    },

    async write(resource, { overwrite = false, signal } = {}) {
      const ref = refOf(resource);
      checkRef(kind, ref);
      const given = resource.metadata?.resourceVersion ?? "";
      const copy = withoutVersion(resource);
      if (!overwrite && given !== "") {
        const remedy = "remove metadata.resourceVersion to create it, or overwrite to replace it";
        throw conflict(text(ref), `${text(ref)} can't be created with resourceVersion ${given}: ${remedy}`);
      }
      const expected = given === "" ? null : given;
      try {
        const stored = await call(signal, `can't write ${text(ref)}`, (ending) =>
          driver.put(kind, ref, copy, expected, { signal: ending }),
        );
        return frozen(stored.resource);
      } catch (error) {
        if (!overwrite || errorCode(error) !== "already_exists") throw error;
        const remedy = "read it and write with its metadata.resourceVersion";
        throw conflict(text(ref), `${text(ref)} exists and no resourceVersion was given: ${remedy}`, error);
      }
    },

    async delete(ref, { resourceVersion, ignoreNotFound = false, signal } = {}) {
      checkRef(kind, ref);
      const existed = await call(signal, `can't delete ${text(ref)}`, (ending) =>
        driver.delete(kind, ref, resourceVersion, { signal: ending }),
      );
      if (!existed && !ignoreNotFound) throw notFoundError(kind, ref, driver.description);
    },

    async list({ namespaces, selector, signal } = {}) {
      const within = namespacesOf(kind, namespaces);
      checkSelector(selector);
      const { entries, problems } = await call(signal, `can't list ${kind.plural}`, (ending) =>
        driver.list(kind, within, { signal: ending }),
      );
      const matching = entries.filter(({ resource }) => matchesSelector(selector, resource.metadata?.labels));
      return { items: inOrder(matching.map(({ resource }) => frozen(resource))), problems };
    },

    watch({ namespaces, selector, signal } = {}) {
      const within = namespacesOf(kind, namespaces);
      checkSelector(selector);
      runtime.assertOpen();
      return {
        [Symbol.asyncIterator]() {
          let session: WatchSession<T> | undefined;
          const start = (): WatchSession<T> => {
            runtime.assertOpen();
            const started = startWatchSession<T>({
              attempt: (ending) => driver.watch(kind, within, { signal: ending }),
              toError: (error) => runtime.toError(error, `can't watch ${kind.plural}`),
              matches: (resource) => matchesSelector(selector, resource.metadata?.labels),
              clock,
              backoff: runtime.options.backoff,
              signal,
            });
            runtime.sessions.add(started);
            void started.ended.then(() => runtime.sessions.delete(started));
            return started;
          };
          return {
            next: async () => (session ??= start()).events.next(),
            async return() {
              await session?.close();
              return { done: true, value: undefined };
            },
          };
        },
      };
    },

    async writeStatus(ref, reporter, status, { precondition, signal } = {}) {
      checkRef(kind, ref);
      if (!kind.hasStatus) throw new EpoxyError("invalid", `a ${kind.kind} has no status`, { resource: text(ref) });
      if (reporter === "") throw new EpoxyError("invalid", `the status of ${text(ref)} needs a reporter's namespace`);
      const copy = copyPlain(status);
      return await call(signal, `can't write the status of ${text(ref)}`, (ending) =>
        driver.putStatus(kind, ref, reporter, copy, precondition, { signal: ending }),
      );
    },
  };
}

const frozen = <T>(resource: T): T => (Object.isFrozen(resource) ? resource : deepFreeze(resource));

const conflict = (resource: string, message: string, cause?: unknown): EpoxyError =>
  new EpoxyError("conflict", message, { resource, cause });

/** A copy that the storage may keep. Versions are the storage's to give. */
const withoutVersion = <T extends Resource>(resource: T): T =>
  copyPlain({ ...resource, metadata: { ...resource.metadata, resourceVersion: "" } });

/** The namespaces to look in, each once and valid, or undefined for all. */
function namespacesOf(kind: Kind<any>, namespaces: ListOptions["namespaces"]): readonly string[] | undefined {
  if (kind.scope === "cluster" || namespaces === undefined || namespaces.length === 0) return undefined;
  for (const namespace of namespaces) checkRef(kind, { namespace, name: "x" });
  return [...new Set(namespaces)].sort();
}
