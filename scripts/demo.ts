import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { styleText } from "node:util";
import { createControlPlane } from "../src/control-plane/index.ts";
import { findOrFetch } from "./binaries.ts";
import { virtualServiceFile, writeDemoFiles } from "./demo/demo-files.ts";
import { followChanges } from "./demo/follow-changes.ts";
import { freePortFrom } from "./demo/free-port.ts";
import { runEnvoy } from "./demo/run-envoy.ts";
import { startPetstore } from "./petstore.ts";

const WANTED_PORT = 8080;
const START_TIMEOUT_MS = 30_000;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const done = (name: string, text: string): void => print(`  ${styleText("green", "✔")} ${name.padEnd(14)} ${text}`);

/** Runs the demo until the signal; everything that it starts and writes is gone when it resolves. */
async function demo(signal: AbortSignal): Promise<void> {
  print(styleText("bold", "Epoxy: from a YAML file to Envoy"));
  const binary = await findOrFetch("envoy", { onProgress: (line) => print(`    ${line} …`), signal });
  signal.throwIfAborted();
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "epoxy-demo-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));

  const petstore = stack.use(await startPetstore());
  done("petstore", `http://127.0.0.1:${petstore.port}/api/pets`);

  const listener = await freePortFrom(WANTED_PORT);
  if (listener !== WANTED_PORT) print(`    port ${WANTED_PORT} is in use: Envoy will serve on ${listener}`);
  await writeDemoFiles(folder, { listener, petstore: petstore.port });
  done("data folder", folder);

  const controlPlane = stack.use(
    await createControlPlane({ dataDirectory: folder, adminAddress: { host: "127.0.0.1", port: 0 } }),
  );
  const xdsPort = controlPlane.xdsAddress?.port ?? 0;
  const adminPort = controlPlane.adminAddress?.port ?? 0;
  done(
    "control plane",
    `xDS on 127.0.0.1:${xdsPort}; http://127.0.0.1:${adminPort} has health, metrics and debug pages`,
  );

  const envoy = stack.use(await runEnvoy(binary, folder, xdsPort));
  const url = `http://127.0.0.1:${listener}`;
  await untilServed(`${url}/all-pets`, signal);
  done("Envoy", `${url}; admin page http://127.0.0.1:${envoy.adminPort}`);

  print(`
Try      curl ${url}/all-pets
         curl ${url}/hello
Edit     ${join(folder, virtualServiceFile)}
         and see here what becomes of it
Look     npx epoxy get virtualservices --dir ${folder}
Ctrl-C   ends everything and removes the folder
`);
  const following = followChanges({
    directory: join(folder, "config"),
    adminPort,
    snapshotKey: "gloo-system~gateway-proxy",
    print: (line) => print(`${styleText("dim", new Date().toTimeString().slice(0, 8))} ${line}`),
    signal,
  });
  const log = await Promise.race([envoy.ended, following]);
  if (log !== undefined && !signal.aborted) throw new Error(`Envoy has ended:\n${log}`);
}

async function untilServed(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let last = "no answer";
  while (Date.now() < deadline) {
    try {
      const answer = await fetch(url, { signal });
      if (answer.ok) return;
      last = `status ${answer.status}`;
    } catch (error) {
      signal.throwIfAborted();
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      last = cause instanceof Error ? cause.message : String(cause);
    }
    await delay(20, undefined, { signal });
  }
  throw new Error(`Envoy does not serve ${url} within ${START_TIMEOUT_MS / 1000} s: ${last}`);
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // `on`, not `once`: a terminal and npm may both pass on the same Ctrl-C, and tidying up must not be cut short.
  process.on(name, () => stopping.abort(new Error("stopped")));
}
// The reader has gone, such as `npm start | head`: nobody is there to see more.
process.stdout.on("error", () => stopping.abort(new Error("stopped")));
try {
  await demo(stopping.signal);
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
if (stopping.signal.aborted) print("stopped, nothing is left behind");
process.exit();
