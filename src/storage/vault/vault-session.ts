import { type Clock, createBackoff } from "../backoff.ts";
import { vaultError } from "./vault-errors.ts";
import { logIn, readAuth, type VaultToken } from "./vault-login.ts";
import type { VaultAuth } from "./vault-options.ts";
import type { VaultAnswer, VaultRequest, VaultTransport } from "./vault-transport.ts";

/** Requests with a token that is kept alive: renewed before it ends, and replaced by a new login where it can't be. */
export interface VaultSession {
  /** As {@link VaultTransport.send}, with a token; logs in first if need be, and anew once where the token has ended. */
  send(request: Omit<VaultRequest, "token">): Promise<VaultAnswer>;
  /** Revokes a token of its own, if Vault answers. Idempotent. */
  close(): Promise<void>;
}

/** What is known of the token in use. */
interface Held extends VaultToken {
  /** When it was last asked for, because something was refused; see {@link checkInterval}. */
  checkedAt: number;
}

interface Lease {
  /** Milliseconds; 0: it doesn't end. */
  readonly lease: number;
  readonly isRenewable: boolean;
}

/** How long one check of a refused token counts: what it may not read would else cost two requests each. */
const checkInterval = 10_000;
const revokeTimeout = 2_000;
const maxRenewalInterval = 24 * 60 * 60 * 1000;

export function createVaultSession(transport: VaultTransport, auth: VaultAuth, clock: Clock): VaultSession {
  const closing = new AbortController();
  const { signal: closed } = closing;
  let held: Held | undefined;
  let pending: Promise<Held> | undefined;
  let keeper: AbortController | undefined;
  let end: Promise<void> | undefined;

  function take(token: VaultToken): Held {
    held = { ...token, checkedAt: -Infinity };
    keeper?.abort();
    keeper = new AbortController();
    void keepAlive(held, keeper.signal);
    return held;
  }

  /** One login for all that wait for it. */
  function login(): Promise<Held> {
    pending ??= logIn(transport, auth, closed)
      .then(take)
      .finally(() => {
        pending = undefined;
      });
    return pending;
  }

  const current = async (): Promise<Held> => held ?? (await login());
  const isReplaceable = auth.type !== "token";

  /** Renews at about two thirds of each lease; a token that can't be renewed any more is replaced. Never rejects. */
  async function keepAlive(token: Held, ending: AbortSignal): Promise<void> {
    const backoff = createBackoff(clock, { initial: 1_000, max: 15_000 });
    let known: Lease | undefined = token.lease === undefined ? undefined : { ...token, lease: token.lease };
    let wait = known === undefined ? 0 : renewalOf(known);
    while (!ending.aborted) {
      try {
        await clock.sleep(wait, ending);
        const isNew = known === undefined;
        const first: Lease = known ?? (await lookUp(token, ending));
        known = first;
        if (first.lease <= 0) return;
        if (!isNew) {
          const renewed = first.isRenewable ? await renew(token, ending) : undefined;
          // A lease that comes back short has reached the longest time that the token may live.
          if (isReplaceable && (renewed === undefined || renewed < first.lease / 2)) {
            await login();
            return;
          }
          if (renewed === undefined || renewed <= 0) return;
          wait = renewalOf({ lease: renewed });
        } else wait = renewalOf(first);
      } catch {
        // Vault doesn't answer, or refuses: requests find that out for themselves; here it is tried again.
        wait = backoff.next(0);
      }
    }
  }

  /** Timers hold no more than 24 days. */
  const renewalOf = ({ lease }: Pick<Lease, "lease">): number =>
    Math.min(lease * (0.6 + clock.random() / 15), maxRenewalInterval);

  async function lookUp(token: Held, signal: AbortSignal): Promise<Lease> {
    const path = "auth/token/lookup-self";
    const answer = await transport.send({ method: "GET", path, token: token.token, signal });
    if (answer.status >= 500) throw vaultError(transport.address, path, answer);
    // A token without the default policy may not ask: nothing is known of its end.
    if (answer.status !== 200) return { lease: 0, isRenewable: false };
    const data = (answer.body as { readonly data?: Record<string, unknown> }).data;
    return { lease: Number(data?.ttl ?? 0) * 1000, isRenewable: data?.renewable === true };
  }

  /** Milliseconds of the new lease; undefined: the token can't be renewed. */
  async function renew({ token }: Held, signal: AbortSignal): Promise<number | undefined> {
    const path = "auth/token/renew-self";
    const answer = await transport.send({ method: "POST", path, body: {}, token, signal });
    if (answer.status >= 500) throw vaultError(transport.address, path, answer);
    return answer.status === 200 ? readAuth(answer.body)?.lease : undefined;
  }

  /** Whether a refusal means that the token has ended. */
  async function hasEnded(token: Held, signal: AbortSignal): Promise<boolean> {
    if (token !== held) return true;
    if (clock.now() - token.checkedAt < checkInterval) return false;
    const answer = await transport.send({ method: "GET", path: "auth/token/lookup-self", token: token.token, signal });
    token.checkedAt = clock.now();
    return answer.status === 403;
  }

  /** A token other than the one that has ended; undefined: there is none to be had. */
  async function replace(ended: Held): Promise<Held | undefined> {
    if (held !== ended && held !== undefined) return held;
    if (!isReplaceable) return undefined;
    const next = await login();
    next.checkedAt = clock.now();
    return next.token === ended.token ? undefined : next;
  }

  async function close(): Promise<void> {
    closing.abort();
    await pending?.catch(() => undefined);
    const last = held;
    held = undefined;
    keeper?.abort();
    if (last?.isOwn === true) {
      const signal = AbortSignal.timeout(revokeTimeout);
      const request = { method: "POST", path: "auth/token/revoke-self", body: {}, token: last.token, signal } as const;
      await transport.send(request).catch(() => undefined);
    }
  }

  return {
    async send(request) {
      const token = await untilAborted(current(), request.signal);
      const answer = await transport.send({ ...request, token: token.token });
      if (answer.status !== 403 || !(await hasEnded(token, request.signal))) return answer;
      const next = await untilAborted(replace(token), request.signal);
      return next === undefined ? answer : await transport.send({ ...request, token: next.token });
    },
    close: () => (end ??= close()),
  };
}

/** A login is shared, so one that waits for it can't end it. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
