import {
  type CatalogOptions,
  type ConsulAnswer,
  type ConsulClient,
  followQuery,
  type HealthEntry,
} from "../../consul/index.ts";
import type { EpoxyError } from "../../errors/index.ts";

/** One service in one datacenter, and how Consul is asked for it. */
export interface ServiceQuery extends Pick<CatalogOptions, "consistency" | "useCache"> {
  readonly service: string;
  readonly datacenter: string;
}

/** What Consul says of a service's instances. */
export interface InstancesAnswer {
  readonly entries: readonly HealthEntry[];
  /** The first one since the start or a failure. */
  readonly isFirst: boolean;
  readonly wentBack: boolean;
}

export interface ServiceTrackerOptions {
  readonly client: ConsulClient;
  /** Blocking queries at one time; beyond, services are read again when something in their datacenter changes. Default 90. */
  readonly maxQueries?: number | undefined;
  readonly onAnswer: (id: string, answer: InstancesAnswer) => void;
  readonly onFailure: (id: string, error: EpoxyError) => void;
}

/** Follows the instances of a changing set of services. */
export interface ServiceTracker {
  /** Makes the tracked queries exactly these, by id. Those that are tracked already go on undisturbed. */
  track(queries: ReadonlyMap<string, ServiceQuery>): void;
  close(): void;
}

/** Reads at one time while a datacenter is swept. */
const sweepWidth = 12;

export function createServiceTracker({
  client,
  maxQueries = 90,
  onAnswer,
  onFailure,
}: ServiceTrackerOptions): ServiceTracker {
  let queries: ReadonlyMap<string, ServiceQuery> = new Map();
  /** By id of the query, or by datacenter where it is swept. */
  const running = new Map<string, AbortController>();

  async function follow(id: string, query: ServiceQuery, signal: AbortSignal): Promise<void> {
    const ask = (index: number | undefined) => client.instances(query.service, { ...query, signal, index });
    for await (const event of followQuery(ask, signal)) {
      if (event.type === "failed") onFailure(id, event.error);
      else onAnswer(id, { entries: event.value, isFirst: event.isFirst, wentBack: event.wentBack });
    }
  }

  /** Reads all services of a datacenter whenever any service or check of it changes. */
  async function sweep(datacenter: string, signal: AbortSignal): Promise<void> {
    let pending = Promise.withResolvers<void>();
    const state = { isFirst: true, wentBack: false };
    const trigger = async (ask: (options: CatalogOptions) => Promise<ConsulAnswer<unknown>>): Promise<void> => {
      for await (const event of followQuery((index) => ask({ datacenter, signal, index }), signal)) {
        if (event.type === "failed") {
          state.isFirst = true;
          for (const [id] of within(datacenter)) onFailure(id, event.error);
          continue;
        }
        state.wentBack ||= event.wentBack;
        pending.resolve();
      }
    };
    signal.addEventListener("abort", () => pending.resolve(), { once: true });
    void trigger((query) => client.services(query));
    void trigger((query) => client.checks(query));
    while (!signal.aborted) {
      await pending.promise;
      if (signal.aborted) return;
      pending = Promise.withResolvers();
      const { isFirst, wentBack } = state;
      Object.assign(state, { isFirst: false, wentBack: false });
      const left = within(datacenter);
      const read = async (): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const [id, query] = next;
          try {
            const { value } = await client.instances(query.service, { ...query, signal });
            if (queries.has(id)) onAnswer(id, { entries: value, isFirst, wentBack });
          } catch (error) {
            if (signal.aborted) return;
            onFailure(id, error as EpoxyError);
            state.isFirst = true;
            setTimeout(pending.resolve, 1_000).unref();
          }
        }
      };
      await Promise.all(Array.from({ length: sweepWidth }, read));
    }
  }

  const within = (datacenter: string): [string, ServiceQuery][] =>
    [...queries].filter(([, query]) => query.datacenter === datacenter);

  const stopExcept = (kept: ReadonlySet<string>): void => {
    for (const [id, controller] of running) {
      if (kept.has(id)) continue;
      controller.abort();
      running.delete(id);
    }
  };
  const start = (id: string, run: (signal: AbortSignal) => Promise<void>): void => {
    if (running.has(id)) return;
    const controller = new AbortController();
    running.set(id, controller);
    void run(controller.signal);
  };

  return {
    track(next) {
      const added = [...next.keys()].some((id) => !queries.has(id));
      queries = new Map(next);
      if (next.size <= maxQueries) {
        stopExcept(new Set(next.keys()));
        for (const [id, query] of next) start(id, (signal) => follow(id, query, signal));
        return;
      }
      const datacenters = new Set([...next.values()].map(({ datacenter }) => sweepId(datacenter)));
      // What was added is read by a sweep from the start.
      stopExcept(added ? new Set() : datacenters);
      for (const { datacenter } of next.values()) start(sweepId(datacenter), (signal) => sweep(datacenter, signal));
    },
    close: () => stopExcept(new Set()),
  };
}

/** No query's id begins with a slash. */
const sweepId = (datacenter: string): string => `/${datacenter}`;
