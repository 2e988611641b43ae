import { createConsulStorage } from "epoxy/storage/consul";
import { createFileStorage } from "epoxy/storage/file";
import { createRolloutController } from "./rollout-controller.ts";

// On Consul where its address is given, else on a folder.
const { CONSUL_HTTP_ADDR: address, EPOXY_DIR: directory = "data/config" } = process.env;
const storage = address ? createConsulStorage({ address }) : createFileStorage({ directory });
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
const controller = createRolloutController(storage);
controller.errors$.subscribe(({ error }) => console.error(error.message));
await controller.run(stop.signal);
await storage.close();
