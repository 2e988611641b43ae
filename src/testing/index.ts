/**
 * What tests of controllers need besides the controller: a storage in memory, a clock that stands still, a wait for what becomes
 * true, and resources from YAML. Entry point `epoxy/testing`; it depends on no test runner.
 */
export { createMemoryStorage } from "../storage/index.ts";
export { createFakeClock, type FakeClock, type FakeClockOptions } from "./fake-clock.ts";
export { readYaml } from "./read-yaml.ts";
export { type WaitOptions, waitFor } from "./wait-for.ts";
