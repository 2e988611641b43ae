export { type WaitOptions, waitFor } from "../../src/testing/wait-for.ts";
