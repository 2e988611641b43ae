import { Agent, request } from "node:http";

export interface LoadOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Requests a second; default 100. */
  readonly rate?: number | undefined;
  /** Requests that may be under way at once; what doesn't fit is not sent, and counted in `skipped`. Default 32. */
  readonly maxInFlight?: number | undefined;
  /** Default: status 200. */
  readonly isGood?: ((status: number, body: string) => boolean) | undefined;
}

interface LoadReport {
  readonly sent: number;
  readonly good: number;
  readonly failed: number;
  readonly skipped: number;
  /** The first 20 failures. */
  readonly failures: readonly string[];
}

/** Milliseconds for which this process may be kept from running without the load having a pause as well. */
const MAX_PAUSE_MS = 250;

/** Requests at a steady rate until stopped. */
export interface SteadyLoad extends AsyncDisposable {
  report(): LoadReport;
  /** Resolves when the last request has been answered. */
  stop(): Promise<LoadReport>;
}

export function startSteadyLoad(options: LoadOptions): SteadyLoad {
  const { rate = 100, maxInFlight = 32, isGood = (status) => status === 200 } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: maxInFlight });
  const failures: string[] = [];
  const inFlight = new Set<Promise<void>>();
  let sent = 0;
  let good = 0;
  let failed = 0;
  let skipped = 0;
  const fail = (text: string): void => {
    failed++;
    if (failures.length < 20) failures.push(text);
  };
  const send = (): Promise<void> =>
    new Promise((done) => {
      const signal = AbortSignal.timeout(10_000);
      const outgoing = request(options.url, { agent, headers: options.headers ?? {}, signal }, (incoming) => {
        let body = "";
        incoming.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        incoming.once("error", (error) => (fail(error.message), done()));
        incoming.once("end", () => {
          if (isGood(incoming.statusCode ?? 0, body)) good++;
          else fail(`${incoming.statusCode} ${body.slice(0, 200)}`);
          done();
        });
      });
      outgoing.once("error", (error) => (fail(error.message), done()));
      outgoing.end();
    });
  let start = performance.now();
  let lastTick = start;
  const timer = setInterval(() => {
    const pause = performance.now() - lastTick;
    lastTick += pause;
    // What this process had no time to send isn't sent all at once then: nobody else is to blame for it.
    if (pause > MAX_PAUSE_MS) start += pause;
    const due = Math.floor(((performance.now() - start) / 1000) * rate);
    while (sent + skipped < due) {
      if (inFlight.size >= maxInFlight) {
        skipped++;
        continue;
      }
      sent++;
      const one = send().finally(() => inFlight.delete(one));
      inFlight.add(one);
    }
  }, 5);
  const report = (): LoadReport => ({ sent, good, failed, skipped, failures: [...failures] });
  const stop = async (): Promise<LoadReport> => {
    clearInterval(timer);
    await Promise.all(inFlight);
    agent.destroy();
    return report();
  };
  return {
    report,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
