import { createConsulStorage } from "epoxy/storage/consul";
import { createFileStorage } from "epoxy/storage/file";
import { createKubernetesStorage } from "epoxy/storage/kubernetes";
import { reportRollouts } from "./report-rollouts.ts";
import { createRolloutController } from "./rollout-controller.ts";

// On Kubernetes where a kubeconfig is given, on Consul where its address is, else on a folder.
const { KUBECONFIG: kubeconfig, CONSUL_HTTP_ADDR: address, EPOXY_DIR: directory = "data/config" } = process.env;
const onConsulOrFiles = () => (address ? createConsulStorage({ address }) : createFileStorage({ directory }));
const storage = kubeconfig ? createKubernetesStorage() : onConsulOrFiles();
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
const logError = (error: Error) => console.error(error.message);
const controller = createRolloutController(storage);
controller.errors$.subscribe(({ error }) => logError(error));
await Promise.all([controller.run(stop.signal), reportRollouts(storage, stop.signal, logError)]);
await storage.close();
