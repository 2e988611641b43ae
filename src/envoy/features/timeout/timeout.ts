import { durationFault } from "../../checks/duration.ts";
import type { Feature } from "../../feature.ts";

/** `timeout`: how long the whole response may take; 0 is without limit, unset is Envoy's default of 15 s. */
export const timeout: Feature = {
  name: "timeout",
  stage: "route",
  implements: { route: ["timeout"] },
  route({ timeout: duration }, { path, report }) {
    if (duration === undefined) return undefined;
    const fault = durationFault(duration, "zero allowed");
    if (fault !== undefined) {
      report.error(`${path}.timeout`, fault);
      return undefined;
    }
    return { action: { timeout: duration } };
  },
};
