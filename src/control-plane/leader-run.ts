import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { alwaysLeader, consulElection, type LeaderElection, leaseElection } from "../leader/index.ts";
import type { Storage } from "../storage/index.ts";
import { createConsulStorage } from "../storage/consul/index.ts";
import { createKubernetesStorage } from "../storage/kubernetes/index.ts";
import { type Component, components as allComponents } from "./components.ts";
import type { Logger } from "./logger.ts";
import type { Storages } from "./open-storages.ts";
import type { SettingsView } from "./settings/settings-view.ts";

/** Something that runs until it is closed. */
interface Running {
  close(): Promise<void>;
}

/** Who of several equal control planes writes, and how. */
export interface LeaderRun extends Running {
  readonly election: LeaderElection;
  /** The storage of resources, for writes of the leader only: each is done only while this process leads. */
  readonly storage: Storage;
  /** Runs what `start` starts while this process leads. `close` ends it for good. */
  whileLeader<R extends Running>(start: () => R): Running & { readonly current: R | undefined };
}

export interface LeaderRunOptions {
  readonly view: SettingsView;
  readonly storages: Storages;
  readonly components: ReadonlySet<Component>;
  readonly logger: Logger;
}

/**
 * Takes part in the election of the control planes that do the same for the same resources: same store, same components, same
 * namespace to write in. Files are one process's own.
 */
export function startLeaderRun({ view, storages, components, logger }: LeaderRunOptions): LeaderRun {
  const { config } = view;
  const { consul, kubernetes } = storages;
  let election = alwaysLeader();
  let storage = storages.config;
  const onProblem = (problem: string | undefined): void => {
    if (problem === undefined) logger.info({}, "the election of a leader works again");
    else logger.warn({}, `no part in the election of who writes statuses: ${problem}`);
  };
  const identity = `${hostname()} (process ${process.pid})`;
  if (config.type === "consul" && consul !== undefined) {
    const key = lockKey(config.rootKey, view.writeNamespace, components);
    const byConsul = consulElection({ client: consul, key, identity, onProblem });
    election = byConsul;
    storage = createConsulStorage({ client: consul, rootKey: config.rootKey, guard: byConsul.guard });
  }
  if (config.type === "kubernetes" && kubernetes !== undefined) {
    const [namespace, name] = [view.writeNamespace, leaseName(components)];
    const byLease = leaseElection({
      client: kubernetes,
      namespace,
      name,
      identity: `${identity} ${randomUUID()}`,
      onProblem,
    });
    election = byLease;
    storage = createKubernetesStorage({ client: kubernetes, namespaces: view.namespaceChoice, guard: byLease.guard });
  }
  if (storage !== storages.config) {
    election.onChange((isLeader) =>
      logger.info({ leader: isLeader }, isLeader ? "leading: this process writes statuses" : "not leading any more"),
    );
  }
  void election.campaign(new AbortController().signal);
  return {
    election,
    storage,
    whileLeader: (start) => whileLeader(election, start),
    async close() {
      await election.close();
      if (storage !== storages.config) await storage.close();
    },
  };
}

const namesOf = (components: ReadonlySet<Component>): readonly string[] =>
  allComponents.every((component) => components.has(component)) ? [] : [...components].toSorted();

/** The same as a name of a Lease. */
const leaseName = (components: ReadonlySet<Component>): string => ["epoxy-leader", ...namesOf(components)].join("-");

/** The lock for what processes with these components write. Those with other components write other things. */
function lockKey(rootKey: string, writeNamespace: string, components: ReadonlySet<Component>): string {
  const names = namesOf(components);
  const part = names.length === 0 ? "" : `/${names.join("+")}`;
  return `${rootKey}/.epoxy/leader/${writeNamespace}${part}`;
}

function whileLeader<R extends Running>(
  election: LeaderElection,
  start: () => R,
): Running & { readonly current: R | undefined } {
  let current: R | undefined;
  let wanted = false;
  let turn = Promise.resolve();
  // One after the other: the next starts when the last has ended.
  const settle = (): Promise<void> =>
    (turn = turn.then(async () => {
      if (wanted && current === undefined) {
        current = start();
      } else if (!wanted && current !== undefined) {
        const ending = current;
        current = undefined;
        await ending.close();
      }
    }));
  const end = election.onChange((isLeader) => {
    wanted = isLeader;
    void settle();
  });
  return {
    get current() {
      return current;
    },
    async close() {
      end();
      wanted = false;
      await settle();
    },
  };
}
