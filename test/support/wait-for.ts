export { waitFor } from "../../src/testing/wait-for.ts";
