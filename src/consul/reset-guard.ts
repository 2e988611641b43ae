import { EpoxyError } from "../errors/index.ts";
import type { StoreIdentity } from "./store-identity.ts";

/** Tells whether what a Consul no longer shows was taken away, or was lost with its data. */
export interface ResetGuard {
  /**
   * Asked where an answer lacks what was there, if it is the first since a failure or its index went back. True: keep it.
   * @throws `unavailable`
   */
  isLost(wentBack: boolean, signal: AbortSignal): Promise<boolean>;
  /** What is the matter, with the command that accepts it. Undefined: nothing. */
  readonly problem: EpoxyError | undefined;
}

/** @param onDecision called when an operator has decided: what is kept may go */
export function createResetGuard(identity: StoreIdentity, signal: AbortSignal, onDecision: () => void): ResetGuard {
  let store: string | undefined;
  let pending: string | undefined;
  let problem: EpoxyError | undefined;
  const learned = learn();

  async function learn(): Promise<void> {
    store = await identity.current(signal).catch(() => undefined);
  }

  async function decide(now: string): Promise<void> {
    const decision = await identity.decision(now, signal);
    if (decision === "accepted") store = now;
    pending = undefined;
    problem = undefined;
    onDecision();
  }

  return {
    async isLost(wentBack, callSignal) {
      await learned;
      const now = await identity.current(callSignal);
      if (now === undefined) {
        if (wentBack) problem = lost("restart this process");
        return wentBack;
      }
      store ??= wentBack ? "unknown" : now;
      if (now === store) return false;
      if (now !== pending) {
        pending = now;
        problem = lost(identity.command(now));
        decide(now).catch(() => {
          // The connection is lost again: the next answer asks anew.
          pending = undefined;
        });
      }
      return true;
    },
    get problem() {
      return problem;
    },
  };
}

function lost(accept: string): EpoxyError {
  const text = "Consul came back without the services it had: they are kept until they register again";
  return new EpoxyError("unavailable", `${text}. Accept the loss: ${accept}`);
}
