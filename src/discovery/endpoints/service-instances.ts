import type { HealthEntry, ResetGuard } from "../../consul/index.ts";
import type { EpoxyError } from "../../errors/index.ts";
import { awaitsChecks, type Instance, inRotation } from "./rotation.ts";
import type { InstancesAnswer } from "./service-tracker.ts";

/** Milliseconds after Consul has come back in which a check that has not run yet is no news. */
const checkGrace = 30_000;

export interface ServiceInstancesOptions {
  readonly datacenter: string;
  readonly guard: ResetGuard;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
}

/** What is known of one service's instances, over failures of Consul, too. */
export interface ServiceInstances {
  readonly datacenter: string;
  readonly instances: readonly Instance[];
  /** Whether Consul has answered, or the first attempt has failed. */
  readonly isSettled: boolean;
  /** Whether Consul has ever answered. */
  readonly isKnown: boolean;
  /** Why it is not known now. */
  readonly error: EpoxyError | undefined;
  answer(answer: InstancesAnswer): void;
  fail(error: EpoxyError): void;
  /** Takes over what was kept since Consul had lost it. */
  release(): void;
  close(): void;
}

export function createServiceInstances({
  datacenter,
  guard,
  signal,
  onChange,
}: ServiceInstancesOptions): ServiceInstances {
  let entries: readonly HealthEntry[] | undefined;
  let instances: readonly Instance[] = [];
  let error: EpoxyError | undefined;
  /** Those in rotation when Consul was lost, while that counts. */
  let before: ReadonlySet<string> | undefined;
  let graceEnd: NodeJS.Timeout | undefined;
  let isHeld = false;
  let judgements = 0;

  const show = (next: readonly HealthEntry[]): void => {
    isHeld = false;
    entries = next;
    error = undefined;
    instances = inRotation(next, datacenter, before);
    onChange();
  };

  /** Decides on an answer that lacks all that was there, and keeps it until then. */
  async function judge(wentBack: boolean): Promise<void> {
    const number = ++judgements;
    isHeld = true;
    try {
      const isLost = await guard.isLost(wentBack, signal);
      if (number !== judgements || !isHeld) return;
      if (isLost) error = undefined;
      else show([]);
    } catch (failure) {
      error = failure as EpoxyError;
    }
  }

  return {
    datacenter,
    get instances() {
      return instances;
    },
    get isSettled() {
      return entries !== undefined || error !== undefined;
    },
    get isKnown() {
      return entries !== undefined;
    },
    get error() {
      return error;
    },
    answer({ entries: next, isFirst, wentBack }) {
      if (isFirst && before !== undefined) {
        clearTimeout(graceEnd);
        graceEnd = setTimeout(() => {
          before = undefined;
          if (entries !== undefined && awaitsChecks(entries)) show(entries);
        }, checkGrace).unref();
      }
      const isGone = next.length === 0 && entries !== undefined && entries.length > 0;
      if (isGone && (isFirst || wentBack)) void judge(wentBack);
      // What is kept stays so until the service registers again or an operator decides.
      else if (!isGone || !isHeld) show(next);
    },
    fail(failure) {
      before = new Set(instances.map(({ id }) => id));
      const wasSettled = entries !== undefined || error !== undefined;
      error = failure;
      if (!wasSettled) onChange();
    },
    release() {
      if (isHeld) show([]);
    },
    close: () => clearTimeout(graceEnd),
  };
}
