import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ProxyRefusal,
  RefusalReport,
  type RoleProxies,
} from "../../generated/proto/epoxy/gloo/v1/refusal_report.ts";
import { errorCode } from "../errors/index.ts";
import { type Ref, refOf } from "../resources/index.ts";
import type { ResourceClient } from "../storage/index.ts";
import type { CanaryNews, Quarantine, Refusal } from "../xds/index.ts";
import type { VersionedCache } from "./envoy-versions/versioned-cache.ts";
import type { Logger } from "./logger.ts";

export interface RefusalExchangeOptions {
  readonly quarantine: Quarantine;
  readonly versions: Pick<VersionedCache, "roles" | "open" | "withheld" | "onChange">;
  readonly client: ResourceClient<RefusalReport>;
  /** Of the reports. */
  readonly namespace: string;
  readonly logger: Logger;
  /** Something about other replicas' proxies has changed. */
  onChange(): void;
  /** Between two beats of a report, in ms; after three without one its writer is taken for dead. Default 30,000. */
  readonly beatMs?: number | undefined;
}

/** Tells other replicas what this one's proxies refuse and have tried first, and takes over what they tell. */
export interface RefusalExchange extends AsyncDisposable {
  /** Proxies connected to other replicas, by snapshot key, as far as something is refused or withheld there. */
  proxiesElsewhere(): ReadonlyMap<string, number>;
  /** Number of others that have something to say. */
  readonly replicas: number;
  /** Ends it, and deletes this replica's report. Idempotent. */
  close(): Promise<void>;
}

/** A report stays far below what an engine takes for a value. */
const MAX_REFUSALS = 200;
const MAX_MESSAGE = 500;
/** Refusals come in groups. */
const DELAY_MS = 50;
const RETRY_MS = 2_000;
const MISSED_BEATS = 3;

/**
 * Each replica has a report in the storage while it has something to say: refusals by its proxies and, of roles of which something is refused
 * anywhere, how many proxies it has. With canaries it says, too, who might be one, and what has been tried. So without refusals and canaries
 * nothing is written.
 *
 * About a proxy that is connected here, only this replica is right: what others say of it is ignored, and contradicted (`withdrawn`)
 * where it is no longer so. What a replica doesn't say any more is over, unless its report is gone as a whole: then it was stopped or died,
 * its proxies will come here, and shall not be sent again what they refused.
 */
export function exchangeRefusals(options: RefusalExchangeOptions): RefusalExchange {
  const { quarantine, versions, client, namespace, logger, onChange, beatMs = 30_000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const own: Ref = { namespace, name: reportName() };
  const others = new Map<string, { readonly report: RefusalReport; readonly seenAt: number }>();
  let beat = 1;
  let stored: RefusalReport | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let failure: string | undefined;
  let started = false;

  const { roleOf } = versions.roles;
  const isHere = ({ key, node }: Refusal): boolean => quarantine.isConnected(roleOf(key), node);
  const toldByOthers = (): Map<string, Refusal> =>
    new Map([...others.values()].flatMap(({ report }) => report.refusals.map(refusalOf)).map((it) => [idOf(it), it]));

  /** Who is connected, as far as others have to know. `counted` are the roles of which they need the number. */
  function proxiesHere(counted: ReadonlySet<string>, news: CanaryNews | undefined): RoleProxies[] {
    const first = new Map(news?.first.map(({ key, node }) => [key, node]));
    return [...quarantine.connected()]
      .map(([key, nodes]) => {
        const role = roleOf(key);
        const proxies = counted.has(role) ? nodes.size : 0;
        return { role, proxies, key: key === role ? "" : key, first: first.get(key) ?? "" };
      })
      .filter((it) => it.proxies > 0 || it.first !== "");
  }

  /** Undefined: there is nothing to say. */
  function wanted(): RefusalReport | undefined {
    const listed = quarantine.list();
    const told = toldByOthers();
    const known = new Map(listed.flatMap(({ refusals }) => refusals).map((it) => [idOf(it), it]));
    const refusals = [...known].filter(([id, it]) => isHere(it) || !told.has(id)).map(([, it]) => it);
    const withdrawn = [...told].filter(([id, it]) => isHere(it) && !known.has(id)).map(([, it]) => it);
    const news = quarantine.canaryNews();
    const connected = quarantine.connected();
    const withheld = versions.withheld().filter(({ key }) => connected.has(key));
    const concerned = [...listed.map(({ key }) => key), ...[...told.values()].map(({ key }) => roleOf(key))];
    const roles = proxiesHere(new Set([...concerned, ...withheld.map(({ role }) => role)]), news);
    const { accepted = [], passed = [] } = news ?? {};
    if (refusals.length + withdrawn.length + roles.length + accepted.length === 0) return undefined;
    return {
      metadata: RefusalReport.fromPartial({ metadata: own }).metadata,
      writer: `${hostname()} (process ${process.pid})`,
      beat,
      roles,
      refusals: refusals.slice(0, MAX_REFUSALS).map(protoOf),
      withdrawn: withdrawn.slice(0, MAX_REFUSALS).map(protoOf),
      accepted: [...accepted],
      passed: [...passed],
    };
  }

  async function write(): Promise<void> {
    const next = wanted();
    if (next === undefined) {
      if (stored !== undefined) await client.delete(own, { ignoreNotFound: true });
      stored = undefined;
    } else if (stored === undefined || contentOf(next) !== contentOf(stored)) {
      const resourceVersion = stored?.metadata?.resourceVersion;
      const metadata = next.metadata && { ...next.metadata, resourceVersion: resourceVersion ?? "" };
      try {
        stored = await client.write({ ...next, metadata }, { overwrite: true, signal });
      } catch (error) {
        // Another replica took this one for dead, or a write was done whose answer was lost.
        if (errorCode(error) === "conflict") stored = await client.read(own, { signal }).catch(() => undefined);
        throw error;
      }
    }
  }

  function schedule(delay = DELAY_MS): void {
    if (!started || signal.aborted) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      if (writing !== undefined) return schedule();
      writing = write()
        .then(
          () => {
            if (failure !== undefined) logger.info({}, "what proxies refuse is told to other replicas again");
            failure = undefined;
          },
          (error: unknown) => {
            if (signal.aborted) return;
            const { message } = error as Error;
            if (message !== failure)
              logger.warn({ err: error }, `what proxies refuse isn't told to other replicas: ${message}`);
            failure = message;
            schedule(RETRY_MS);
          },
        )
        .finally(() => (writing = undefined));
    }, delay).unref();
  }

  function take(report: RefusalReport): void {
    const { name } = refOf(report);
    if (name === own.name) return;
    const before = others.get(name)?.report;
    others.set(name, { report, seenAt: performance.now() });
    for (const { role, key, proxies } of report.roles) if (proxies > 0 && key !== "") versions.open(role, key);
    quarantine.hear(name, newsOf(report));
    const told = toldByOthers();
    const withdrawn = new Map(report.withdrawn.map(refusalOf).map((it) => [idOf(it), it]));
    const over = (before?.refusals ?? []).map(refusalOf).filter((it) => !told.has(idOf(it)));
    quarantine.retract([...over, ...withdrawn.values()].filter((it) => !isHere(it)));
    quarantine.note(report.refusals.map(refusalOf).filter((it) => !isHere(it) && !withdrawn.has(idOf(it))));
  }

  function forget(name: string): void {
    others.delete(name);
    quarantine.hear(name, undefined);
  }

  async function watch(): Promise<void> {
    for await (const event of client.watch({ namespaces: [namespace], signal })) {
      if (event.type === "state") event.items.forEach(take);
      else if (event.type === "stale") {
        logger.warn({ err: event.error }, `what other replicas' proxies refuse can't be read: ${event.error.message}`);
      } else if (event.type === "changes") {
        event.changed.forEach(take);
        for (const { name } of event.removed) forget(name);
        // Another replica took this one for dead.
        if (event.removed.some(({ name }) => name === own.name)) stored = undefined;
      }
      started ||= event.type === "state";
      onChange();
      schedule();
    }
  }

  async function keepBeating(): Promise<void> {
    for (;;) {
      await sleep(beatMs, undefined, { signal, ref: false });
      beat++;
      schedule();
      for (const [name, { seenAt }] of others) {
        if (performance.now() - seenAt < MISSED_BEATS * beatMs) continue;
        forget(name);
        onChange();
        await client.delete({ namespace, name }, { ignoreNotFound: true, signal }).catch(() => {});
      }
    }
  }

  const ends = [
    quarantine.subscribe(() => schedule()),
    quarantine.subscribeNews(() => schedule()),
    versions.onChange(() => schedule()),
  ];
  const running = Promise.allSettled([watch(), keepBeating()]);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      for (const end of ends) end();
      clearTimeout(timer);
      closing.abort();
      await Promise.all([running, writing?.catch(() => {})]);
      for (const name of [...others.keys()]) forget(name);
      // If it can't be deleted now, others do so later.
      if (stored !== undefined)
        await client.delete(own, { ignoreNotFound: true, signal: AbortSignal.timeout(2_000) }).catch(() => {});
    })());
  return {
    proxiesElsewhere() {
      const counts = new Map<string, number>();
      for (const { report } of others.values()) {
        for (const { role, key, proxies } of report.roles) {
          const id = key === "" ? role : key;
          if (proxies > 0) counts.set(id, (counts.get(id) ?? 0) + proxies);
        }
      }
      return counts;
    },
    get replicas() {
      return others.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const idOf = ({ key, typeUrl, name, digest, node }: Refusal): string => `${key}|${typeUrl}|${name}|${digest}|${node}`;

/** Two replicas on one machine, or one after the other, aren't the same. */
function reportName(): string {
  const host = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  return `${host || "replica"}-${randomBytes(6).toString("hex")}`;
}

function contentOf({ metadata, writer, ...content }: RefusalReport): string {
  return JSON.stringify(content, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
}

const newsOf = ({ roles, accepted, passed }: RefusalReport): CanaryNews => ({
  first: roles.flatMap(({ role, key, first }) =>
    first === "" ? [] : { role, key: key === "" ? role : key, node: first },
  ),
  accepted,
  passed,
});

function protoOf({ key, origin = "", message, canary = false, ...rest }: Refusal): ProxyRefusal {
  return { ...rest, at: BigInt(rest.at), role: key, origin, canary, message: message.slice(0, MAX_MESSAGE) };
}

function refusalOf({ role, origin, canary, ...rest }: ProxyRefusal): Refusal {
  return { ...rest, at: Number(rest.at), key: role, ...(origin !== "" && { origin }), ...(canary && { canary }) };
}
