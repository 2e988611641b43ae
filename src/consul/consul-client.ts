import { EpoxyError } from "../errors/index.ts";
import { consulError, consulStatus } from "./consul-errors.ts";
import type { ConsulOptions } from "./consul-options.ts";
import type {
  CatalogOptions,
  ConsulAnswer,
  GuardedOptions,
  HealthEntry,
  KvEntry,
  KvListing,
  QueryOptions,
} from "./consul-queries.ts";
import { kvEntry, type RawEntry, readKvListing } from "./kv-listing.ts";
import { type ConsulSessions, consulSessions, guardRefused } from "./consul-sessions.ts";
import { type CallOptions, arrivedAt, createConsulTransport, type RawConsul, type Reply } from "./consul-transport.ts";

/**
 * Consul's HTTP API, as far as it is used. Each call ends with its signal and with a timeout, and rejects with `unavailable`. One
 * client has at most 136 connections.
 */
export interface ConsulClient extends AsyncDisposable {
  /** For people: `http://127.0.0.1:8500`. */
  readonly address: string;
  kvRead(key: string, options: QueryOptions): Promise<ConsulAnswer<KvEntry | undefined>>;
  kvList(prefix: string, options: QueryOptions): Promise<ConsulAnswer<KvListing>>;
  /**
   * Writes if the entry's ModifyIndex is `expected` (0: if there is none). Resolves to the new one; undefined: not so.
   * @throws `invalid` if it is larger than Consul takes; `unavailable` if the guard's session doesn't hold its lock
   */
  kvPut(key: string, text: string, expected: number, options: GuardedOptions): Promise<number | undefined>;
  /** Deletes if the entry's ModifyIndex is `expected`. Resolves to false if it isn't. @throws as `kvPut` */
  kvDelete(key: string, expected: number, options: GuardedOptions): Promise<boolean>;
  readonly sessions: ConsulSessions;
  datacenters(options: QueryOptions): Promise<readonly string[]>;
  /** Tags by name of the service. */
  services(options: CatalogOptions): Promise<ConsulAnswer<Readonly<Record<string, readonly string[]>>>>;
  /** All instances of a service, healthy or not. */
  instances(service: string, options: CatalogOptions): Promise<ConsulAnswer<readonly HealthEntry[]>>;
  /** Of interest is the index: that of the newest change of any check. */
  checks(options: CatalogOptions): Promise<ConsulAnswer<undefined>>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Consul's limit of 512 KB is on a transaction's whole body, which holds the value as base64. */
const maxTransactionValue = 380_000;

/** Opens no connection yet. @throws `invalid` for a bad address or a certificate that can't be read */
export function createConsulClient(options: ConsulOptions = {}): ConsulClient {
  const transport = createConsulTransport(options);
  const { address } = transport;

  async function query<T>(
    what: string,
    queryOptions: CatalogOptions,
    invoke: (raw: RawConsul, common: CallOptions) => Promise<Reply>,
    read: (body: unknown) => T,
  ): Promise<ConsulAnswer<T>> {
    const [response, body] = await transport.call(what, queryOptions, invoke);
    if (response.headers["x-consul-results-filtered-by-acls"] === "true") {
      const text = `Consul at ${address} left out results of ${what} that its token may not read: docs/consul.md prints the policy that is needed`;
      throw new EpoxyError("unavailable", text);
    }
    const index = Number(response.headers["x-consul-index"]);
    if (!Number.isInteger(index)) {
      throw new EpoxyError(
        "unavailable",
        `what answers at ${address} is not Consul: the header X-Consul-Index is missing`,
      );
    }
    try {
      // Below 1 a blocking query would return at once, again and again.
      return { value: read(body), index: Math.max(1, index), answeredAt: arrivedAt(response) };
    } catch (cause) {
      throw new EpoxyError("unavailable", `Consul at ${address} answered ${what} with what can't be read`, { cause });
    }
  }

  /** The ModifyIndex after a transaction of one operation and its guard; undefined if its condition doesn't hold. */
  async function transact(what: string, operation: object, queryOptions: GuardedOptions): Promise<number | undefined> {
    const { guard } = queryOptions;
    const check =
      guard === undefined ? [] : [{ KV: { Verb: "check-session", Key: guard.key, Session: guard.session } }];
    try {
      const [, body] = await transport.call(what, queryOptions, (raw, common) =>
        raw.transaction.create([...check, { KV: operation }], common),
      );
      return (body as { Results?: readonly { KV: RawEntry }[] | null }).Results?.at(-1)?.KV.ModifyIndex ?? 0;
    } catch (error) {
      // 409: rolled back, be it for the condition or for want of a permission.
      const reason = consulStatus(error) === 409 ? rollbackReason(error) : "";
      if (guard !== undefined && /session/.test(reason)) throw guardRefused(address, what, guard);
      if (reason.includes("index is stale")) return undefined;
      if (!/permission denied/i.test(reason)) throw error;
      throw consulError(address, what, { message: reason, response: { statusCode: 403 } });
    }
  }

  const client: ConsulClient = {
    address,
    sessions: consulSessions(transport),
    kvRead(key, queryOptions) {
      const invoke = (raw: RawConsul, common: CallOptions): Promise<Reply> => raw.kv.get({ ...common, key });
      return query(`reading ${key}`, queryOptions, invoke, (body) => {
        const item = body as RawEntry | undefined;
        return item && kvEntry(item, () => item.Value ?? "");
      });
    },
    kvList(prefix, queryOptions) {
      // As bytes, so that the package decodes nothing.
      const invoke = (raw: RawConsul, common: CallOptions): Promise<Reply> =>
        raw.kv.get({ ...common, key: prefix, recurse: true, raw: true });
      return query(`listing ${prefix}`, queryOptions, invoke, (body) =>
        readKvListing(Buffer.isBuffer(body) ? body : undefined),
      );
    },
    async kvPut(key, text, expected, queryOptions) {
      const what = `writing ${key}`;
      const value = Buffer.from(text);
      try {
        if (value.length < maxTransactionValue || queryOptions.guard !== undefined) {
          // Unlike a plain PUT, a transaction tells the new index, and has a guard.
          return await transact(
            what,
            { Verb: "cas", Key: key, Value: value.toString("base64"), Index: expected },
            queryOptions,
          );
        }
        const [, done] = await transport.call(what, queryOptions, (raw, common) =>
          raw.kv.set({ ...common, key, value, cas: expected }),
        );
        if (done !== true) return undefined;
      } catch (error) {
        if (consulStatus(error) !== 413) throw error;
        const limit = queryOptions.guard === undefined ? "kv_max_value_size" : "txn_max_req_len";
        const size = `${value.length} bytes, more than ${limit} allows (512 KB unless set)`;
        throw new EpoxyError("invalid", `${key} is too large for Consul: ${size}`, { cause: error });
      }
      return (await client.kvRead(key, { ...queryOptions, consistency: "consistent" })).value?.modifyIndex;
    },
    async kvDelete(key, expected, queryOptions) {
      const operation = { Verb: "delete-cas", Key: key, Index: expected };
      return (await transact(`deleting ${key}`, operation, queryOptions)) !== undefined;
    },
    async datacenters(queryOptions) {
      const [, body] = await transport.call("the datacenters", queryOptions, (raw, common) =>
        raw.catalog.datacenters(common),
      );
      return body as readonly string[];
    },
    services: (queryOptions) =>
      query(
        "the services",
        queryOptions,
        (raw, common) => raw.catalog.service.list(common),
        (body) => body as Readonly<Record<string, readonly string[]>>,
      ),
    instances: (service, queryOptions) =>
      query(
        `the instances of ${service}`,
        queryOptions,
        (raw, common) => raw.health.service({ ...common, service }),
        (body) => body as readonly HealthEntry[],
      ),
    checks: (queryOptions) =>
      query(
        "the checks",
        queryOptions,
        (raw, common) => raw.health.state({ ...common, state: "any" }),
        () => undefined,
      ),
    async close() {
      transport.close();
    },
    [Symbol.asyncDispose]: async () => transport.close(),
  };
  return client;
}

/** What Consul says of a transaction that it rolled back. */
function rollbackReason(error: unknown): string {
  const { cause } = error as { cause?: { response?: { body?: { Errors?: readonly { What: string }[] } } } };
  return (cause?.response?.body?.Errors ?? []).map(({ What }) => What).join("; ");
}
