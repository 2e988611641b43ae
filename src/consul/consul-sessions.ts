import { EpoxyError } from "../errors/index.ts";
import { consulStatus } from "./consul-errors.ts";
import type { QueryOptions } from "./consul-queries.ts";
import type { ConsulTransport } from "./consul-transport.ts";

/** Says whose lock a write depends on: it happens only while `session` holds `key`, as Consul itself sees it. */
export interface SessionGuard {
  readonly key: string;
  readonly session: string;
}

export interface SessionOptions {
  /** For people who list sessions. */
  readonly name: string;
  /** Seconds without a renewal after which Consul may end it; it does so after twice that at the latest. Consul's least is 10. */
  readonly ttl: number;
  /** Seconds for which nobody gets what the session had, after it was ended for any reason but its own wish. Default 0. */
  readonly lockDelay?: number | undefined;
}

/** Sessions, and the locks that they hold: https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions */
export interface ConsulSessions {
  /** Resolves to its id. Its locks are released when it ends. @throws `unavailable` */
  create(options: SessionOptions, query: QueryOptions): Promise<string>;
  /** Resolves to false if Consul has ended it. @throws `unavailable` */
  renew(session: string, query: QueryOptions): Promise<boolean>;
  /** Ends it; one that has ended is no error. @throws `unavailable` */
  destroy(session: string, query: QueryOptions): Promise<void>;
  /** Takes the lock on a key and writes its value. Resolves to false if another has it, or a lock delay runs. @throws `unavailable` */
  acquire(guard: SessionGuard, text: string, query: QueryOptions): Promise<boolean>;
}

export function consulSessions(transport: ConsulTransport): ConsulSessions {
  return {
    async create({ name, ttl, lockDelay = 0 }, query) {
      const [, body] = await transport.call("a new session", query, (raw, common) =>
        raw.session.create({ ...common, name, ttl: `${ttl}s`, lockdelay: `${lockDelay}s`, behavior: "release" }),
      );
      const id = (body as { ID?: unknown } | undefined)?.ID;
      if (typeof id === "string") return id;
      throw new EpoxyError("unavailable", `Consul at ${transport.address} made a session without an id`);
    },
    async renew(session, query) {
      try {
        await transport.call("renewing a session", query, (raw, common) =>
          raw.session.renew({ ...common, id: session }),
        );
        return true;
      } catch (error) {
        if (consulStatus(error) === 404) return false;
        throw error;
      }
    },
    async destroy(session, query) {
      await transport.call("ending a session", query, (raw, common) => raw.session.destroy({ ...common, id: session }));
    },
    async acquire({ key, session }, text, query) {
      try {
        const [, done] = await transport.call(`locking ${key}`, query, (raw, common) =>
          raw.kv.set({ ...common, key, value: text, acquire: session }),
        );
        return done === true;
      } catch (error) {
        // Consul answers so when the session has ended meanwhile.
        if (error instanceof Error && /invalid session/i.test(error.message)) return false;
        throw error;
      }
    },
  };
}

/** A write that its guard has stopped. */
export function guardRefused(address: string, what: string, { key, session }: SessionGuard): EpoxyError {
  return new EpoxyError(
    "unavailable",
    `${what} was not done: Consul at ${address} says that session ${session} doesn't hold the lock ${key} any more`,
  );
}
