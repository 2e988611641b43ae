import type { StreamInfo, XdsEvents } from "../xds/index.ts";

export interface ConvergenceOptions {
  /** Seconds, from any start. */
  now(): number;
  /** Runs what was said once the work under way is done: a stream answered in full may be sent more at once. */
  defer(run: () => void): void;
  /** The key that changes are told of, of the key that a stream gets: older proxies get a variant. */
  roleOf(key: string): string;
  /** All proxies of the key have answered what came of its changes, so many seconds after the first of these. */
  onConverged(key: string, seconds: number): void;
}

/** Measures how long it takes from a change of what is served until no proxy has it unanswered. */
export interface Convergence {
  /** What is served under the key has changed. */
  changed(key: string): void;
  readonly xdsEvents: XdsEvents;
  /** By snapshot key, for how many seconds the response that has waited longest has been unanswered. */
  lags(): ReadonlyMap<string, number>;
}

interface KeyState {
  since: number | undefined;
  answeredAt: number;
  /** By stream and type: when the responses that aren't answered yet were sent. */
  readonly unanswered: Map<string, number[]>;
}

export function measureConvergence({ now, defer, roleOf, onConverged }: ConvergenceOptions): Convergence {
  const keys = new Map<string, KeyState>();

  function stateOf(key: string): KeyState {
    let state = keys.get(key);
    if (state === undefined) {
      state = { since: undefined, answeredAt: 0, unanswered: new Map() };
      keys.set(key, state);
    }
    return state;
  }

  function answered(key: string): void {
    const state = stateOf(key);
    state.answeredAt = now();
    if (state.unanswered.size > 0) return;
    defer(() => {
      if (state.unanswered.size > 0) return;
      const { since } = state;
      state.since = undefined;
      if (since !== undefined) onConverged(key, state.answeredAt - since);
      else if (keys.get(key) === state) keys.delete(key);
    });
  }

  function settle({ stream, key, typeUrl }: { stream: StreamInfo; key: string; typeUrl: string }): void {
    const role = roleOf(key);
    const { unanswered } = stateOf(role);
    const id = `${stream.id} ${typeUrl}`;
    const sent = unanswered.get(id);
    sent?.shift();
    if (sent?.length === 0) unanswered.delete(id);
    answered(role);
  }

  return {
    changed(key) {
      const state = stateOf(key);
      // A change that no proxy was sent anything of is over when the next one comes.
      if (state.unanswered.size === 0 || state.since === undefined) state.since = now();
    },
    xdsEvents: {
      onSend({ stream, key, typeUrl }) {
        const { unanswered } = stateOf(roleOf(key));
        const id = `${stream.id} ${typeUrl}`;
        const sent = unanswered.get(id);
        if (sent === undefined) unanswered.set(id, [now()]);
        else sent.push(now());
      },
      onAck: settle,
      onNack: settle,
      onStreamClose({ id, key }) {
        if (key === undefined) return;
        const role = roleOf(key);
        const { unanswered } = stateOf(role);
        for (const waiting of unanswered.keys()) if (waiting.startsWith(`${id} `)) unanswered.delete(waiting);
        answered(role);
      },
    },
    lags() {
      const at = now();
      return new Map(
        [...keys].map(([key, { unanswered }]) => {
          let oldest = at;
          for (const [first = at] of unanswered.values()) oldest = Math.min(oldest, first);
          return [key, at - oldest];
        }),
      );
    },
  };
}
