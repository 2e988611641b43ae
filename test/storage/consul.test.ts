import { afterAll, beforeAll } from "vitest";
import { createConsulStorage } from "../../src/storage/consul/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { type StorageFixture, storageContract } from "../contracts/storage.contract.ts";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

interface ConsulFixture extends StorageFixture {
  readonly proxy: TcpProxy;
  readonly rootKey: string;
}

let consul: RunningConsul;
let roots = 0;
beforeAll(async () => {
  consul = await startConsul();
});
afterAll(() => consul.stop());

const openStorage = (port: number, rootKey: string): Storage =>
  createConsulStorage({ address: `127.0.0.1:${port}`, rootKey, backoff: { initial: 20, max: 200 } });

storageContract<ConsulFixture>("Consul", {
  tellsWhenSeen: true,
  async open() {
    const rootKey = `root-${++roots}`;
    const proxy = await startTcpProxy({ port: consul.port });
    const storage = openStorage(proxy.port, rootKey);
    return {
      storage,
      proxy,
      rootKey,
      async dispose() {
        await storage.close();
        await proxy.close();
        await consul.api("DELETE", `/v1/kv/${rootKey}?recurse`);
      },
    };
  },
  another: async ({ rootKey }) => openStorage(consul.port, rootKey),
  async putRaw({ rootKey }, kind, { namespace, name }, text) {
    const place = kind.scope === "cluster" ? name : `${namespace}/${name}`;
    await consul.api("PUT", `/v1/kv/${rootKey}/${kind.group}/${kind.version}/${kind.kind}/${place}`, text);
  },
  async interrupt({ proxy }) {
    proxy.cut();
    return async () => proxy.restore();
  },
});
