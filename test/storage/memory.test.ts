import { storageContract } from "../contracts/storage.contract.ts";
import { createMemoryStorage } from "../../src/storage/index.ts";

storageContract("memory", {
  async open() {
    const storage = createMemoryStorage();
    return { storage, dispose: () => storage.close() };
  },
});
