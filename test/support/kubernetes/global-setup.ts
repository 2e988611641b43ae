import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import type { KubeAddress } from "./cluster-access.ts";
import { type KubeCluster, startKubeCluster } from "./start-cluster.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Starts the cluster that the tests of this run share, unless it runs, and answers with its address. */
    readonly kubeClusterUrl: string;
  }
}

let cluster: Promise<KubeCluster> | undefined;
const server = createServer((_request, response) => {
  cluster ??= startKubeCluster();
  cluster.then(
    ({ address }) => response.end(JSON.stringify(address satisfies KubeAddress)),
    (error: Error) => response.writeHead(500).end(error.message),
  );
});
// A cold cache has to be filled first.
server.requestTimeout = server.timeout = 0;

/** One cluster for all test files of a run, started by the first that asks. */
export async function setup(project: TestProject): Promise<void> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  project.provide("kubeClusterUrl", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

export async function teardown(): Promise<void> {
  server.closeAllConnections();
  server.close();
  await (await cluster?.catch(() => undefined))?.stop();
}
