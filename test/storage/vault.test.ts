import { afterAll, beforeAll } from "vitest";
import { parseDocument } from "yaml";
import type { Storage } from "../../src/storage/index.ts";
import { createVaultStorage } from "../../src/storage/vault/index.ts";
import { type StorageFixture, storageContract } from "../contracts/storage.contract.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { type RunningVault, startVault } from "../support/vault.ts";

interface VaultFixture extends StorageFixture {
  readonly proxy: TcpProxy;
  readonly rootKey: string;
}

let vault: RunningVault;
let roots = 0;
beforeAll(async () => {
  vault = await startVault();
});
afterAll(() => vault.stop());

const openStorage = (port: number, rootKey: string): Storage =>
  createVaultStorage({
    address: `http://127.0.0.1:${port}`,
    auth: { type: "token", token: vault.token },
    rootKey,
    refreshInterval: 20,
    backoff: { initial: 20, max: 200 },
  });

storageContract<VaultFixture>("Vault", {
  holdsJson: true,
  async open() {
    const rootKey = `root-${++roots}`;
    const proxy = await startTcpProxy({ port: vault.port });
    const storage = openStorage(proxy.port, rootKey);
    return {
      storage,
      proxy,
      rootKey,
      async dispose() {
        await storage.close();
        await proxy.close();
      },
    };
  },
  another: async ({ rootKey }) => openStorage(vault.port, rootKey),
  // Vault takes JSON only: of a text that is none, what a lenient reader makes of it.
  async putRaw({ rootKey }, kind, { namespace, name }, text) {
    const place = kind.scope === "cluster" ? name : `${namespace}/${name}`;
    const data: unknown = parseDocument(text).toJS();
    await vault.putRaw(`${rootKey}/${kind.group}/${kind.version}/${kind.kind}/${place}`, data);
  },
  async interrupt({ proxy }) {
    proxy.cut();
    return async () => proxy.restore();
  },
});
