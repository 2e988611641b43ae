import { createConsulStorage } from "epoxy/storage/consul";
import { createFileStorage } from "epoxy/storage/file";
import { createKubernetesStorage } from "epoxy/storage/kubernetes";
import { createRolloutController } from "./rollout-controller.ts";

// On Kubernetes where a kubeconfig is given, on Consul where its address is, else on a folder.
const { KUBECONFIG: kubeconfig, CONSUL_HTTP_ADDR: address, EPOXY_DIR: directory = "data/config" } = process.env;
const onConsulOrFiles = () => (address ? createConsulStorage({ address }) : createFileStorage({ directory }));
const storage = kubeconfig ? createKubernetesStorage() : onConsulOrFiles();
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
const controller = createRolloutController(storage);
controller.errors$.subscribe(({ error }) => console.error(error.message));
await controller.run(stop.signal);
await storage.close();
