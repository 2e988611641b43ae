import type { OutlierDetection } from "../../../../generated/proto/epoxy/envoy/v1/outlier_detection.ts";
import { EnvoyOutlierDetection } from "../../api.ts";
import { compareDurations, durationFault } from "../../checks/duration.ts";
import type { Feature } from "../../feature.ts";

const EMPTY = EnvoyOutlierDetection.fromPartial({});
const DEFAULT_BASE_EJECTION_TIME = { seconds: 30n, nanos: 0 };
const PATH = "outlierDetection";

/** The fields that Envoy takes from 0 to 100. */
const PERCENTAGES = [
  "maxEjectionPercent",
  "enforcingConsecutive5xx",
  "enforcingSuccessRate",
  "enforcingConsecutiveGatewayFailure",
  "enforcingConsecutiveLocalOriginFailure",
  "enforcingLocalOriginSuccessRate",
  "failurePercentageThreshold",
  "enforcingFailurePercentage",
  "enforcingFailurePercentageLocalOrigin",
] as const satisfies readonly (keyof OutlierDetection)[];

/** `outlierDetection`: takes failing endpoints out of rotation. The message is Envoy's own. */
export const outlierDetection: Feature = {
  name: "outlierDetection",
  stage: "route",
  implements: { upstream: [PATH] },
  cluster({ outlierDetection: detection }, { report }) {
    if (detection === undefined) return undefined;
    if (detection.interval === undefined) report.error(`${PATH}.interval`, "must be set");
    for (const field of ["interval", "baseEjectionTime", "maxEjectionTime"] as const) {
      const duration = detection[field];
      if (duration === undefined) continue;
      const fault = durationFault(duration, "above zero");
      if (fault !== undefined) report.error(`${PATH}.${field}`, fault);
    }
    const { maxEjectionTime, baseEjectionTime = DEFAULT_BASE_EJECTION_TIME } = detection;
    if (maxEjectionTime !== undefined && compareDurations(maxEjectionTime, baseEjectionTime) < 0) {
      report.error(`${PATH}.maxEjectionTime`, "must not be less than the baseEjectionTime, which is 30s if unset");
    }
    for (const field of PERCENTAGES) {
      if ((detection[field] ?? 0) > 100) report.error(`${PATH}.${field}`, "must be from 0 to 100");
    }
    return { outlierDetection: { ...EMPTY, ...detection } };
  },
};
