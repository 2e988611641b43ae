import { fork } from "node:child_process";
import { once } from "node:events";
import { typeUrls } from "../../../src/xds/index.ts";
import { openAdsStream } from "./ads-stream.ts";

// Run as a program: plays so many clients that connect, then ask for all clusters at once and acknowledge them. Usage: node fleet-process.ts PORT COUNT

export interface Fleet {
  /** All of them ask. Resolves when each has its first answer. */
  ask(): Promise<void>;
  stop(): void;
}

/** In a process of its own: no time of the clients counts as the server's. They connect; whether the server has got so far is for the caller to see. */
export async function startFleet(port: number, count: number): Promise<Fleet> {
  const child = fork(import.meta.filename, [`${port}`, `${count}`]);
  const failed = new Promise<never>((_, reject) =>
    child.once("exit", (code, signal) => reject(new Error(`the fleet has ended: ${signal ?? code}`))),
  );
  failed.catch(() => {});
  const next = (): Promise<unknown> => Promise.race([once(child, "message"), failed]);
  await next();
  return {
    async ask() {
      child.send("ask");
      await next();
    },
    stop: () => void child.kill(),
  };
}

if (process.argv[1] === import.meta.filename) {
  const [port = 0, count = 0] = process.argv.slice(2).map(Number);
  process.once("disconnect", () => process.exit());
  const clients = Array.from({ length: count }, () => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    return { answered: promise, stream: openAdsStream(port, "fleet", { onResponse: resolve, onEnd: reject }) };
  });
  process.send?.("connecting");
  await once(process, "message");
  for (const { stream } of clients) stream.subscribe(typeUrls.cluster);
  await Promise.all(clients.map(({ answered }) => answered));
  process.send?.("answered");
}
