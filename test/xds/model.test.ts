import { test } from "vitest";
import { checkModel } from "./support/model.ts";

/** EPOXY_MODEL_SEQUENCES=10000 for the long run (bench/README.md). */
const sequences = Number(process.env["EPOXY_MODEL_SEQUENCES"] ?? 1500);

test(
  "after any sequence of subscriptions, refusals, reconnects, changes and restarts, clients at rest hold what the cache holds",
  { timeout: 60_000 + 50 * sequences },
  () => checkModel({ sequences }),
);
