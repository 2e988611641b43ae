import type { Storage } from "../client.ts";
import { type RuntimeOptions, createStorage } from "../runtime-storage.ts";
import { createMemoryDriver } from "./memory-driver.ts";

/** Storage in this process's memory, for tests and for resources that need not outlive it. Each call makes a separate one. */
export const createMemoryStorage = (options?: RuntimeOptions): Storage => createStorage(createMemoryDriver(), options);
