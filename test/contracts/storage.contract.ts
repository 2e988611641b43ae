import { describe } from "vitest";
import { crudContract } from "./storage/crud.ts";
import type { StorageFixture, StorageHarness } from "./storage/harness.ts";
import { listContract } from "./storage/list.ts";
import { statusContract } from "./storage/status.ts";
import { watchContract } from "./storage/watch.ts";
import { writeRulesContract } from "./storage/write-rules.ts";

export type { StorageFixture, StorageHarness } from "./storage/harness.ts";

/**
 * What every backend must do alike. The numbers in the titles are those of the list of behaviours that the contract was drawn from
 * (the forebear's own client tests and their known gaps).
 */
export function storageContract<F extends StorageFixture>(name: string, harness: StorageHarness<F>): void {
  describe(`the ${name} storage`, () => {
    crudContract(harness);
    writeRulesContract(harness);
    listContract(harness);
    watchContract(harness);
    statusContract(harness);
  });
}
