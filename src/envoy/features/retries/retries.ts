import {
  type RateLimitedRetryBackOff,
  ResetHeader_HeaderFormat,
  type RetryPolicy,
} from "../../../../generated/proto/epoxy/gloo/options/retries/v1/retries.ts";
import { EnvoyResetHeaderFormat, EnvoyRetryPolicy } from "../../api.ts";
import { compareDurations, durationFault } from "../../checks/duration.ts";
import { headerNameFault, headerValueFault } from "../../checks/header.ts";
import type { Feature, FeatureScope } from "../../feature.ts";
import type { Report } from "../../report.ts";

const EMPTY = EnvoyRetryPolicy.fromPartial({});
/** Gloo's default, and Envoy's. */
const DEFAULT_RETRIES = 1;

const FIELDS = [
  "retries.retryOn",
  "retries.numRetries",
  "retries.perTryTimeout",
  "retries.retryBackOff",
  "retries.retriableStatusCodes",
  "retries.rateLimitedRetryBackOff",
];

/** `retries`, on virtual hosts and routes; a route's replaces its virtual host's. */
export const retries: Feature = {
  name: "retries",
  stage: "route",
  implements: { virtualHost: FIELDS, route: FIELDS },
  virtualHost({ retries: policy }, scope) {
    return policy && { retryPolicy: translate(policy, scope) };
  },
  route({ retries: policy }, scope) {
    return policy && { action: { retryPolicy: translate(policy, scope) } };
  },
};

function translate(policy: RetryPolicy, { path: optionsPath, report }: FeatureScope): EnvoyRetryPolicy {
  const path = `${optionsPath}.retries`;
  const { retryOn, numRetries, perTryTimeout, retryBackOff, retriableStatusCodes, rateLimitedRetryBackOff } = policy;
  const retryOnFault = headerValueFault(retryOn);
  if (retryOnFault !== undefined) report.error(`${path}.retryOn`, retryOnFault);
  if (perTryTimeout !== undefined) {
    const fault = durationFault(perTryTimeout, "zero allowed");
    if (fault !== undefined) report.error(`${path}.perTryTimeout`, fault);
  }
  if (retryBackOff !== undefined) checkBackOff(retryBackOff, `${path}.retryBackOff`, report);
  return {
    ...EMPTY,
    retryOn,
    numRetries: numRetries === 0 ? DEFAULT_RETRIES : numRetries,
    perTryTimeout,
    retriableStatusCodes,
    retryBackOff,
    rateLimitedRetryBackOff:
      rateLimitedRetryBackOff &&
      translateRateLimited(rateLimitedRetryBackOff, `${path}.rateLimitedRetryBackOff`, report),
  };
}

function checkBackOff(
  { baseInterval, maxInterval }: NonNullable<RetryPolicy["retryBackOff"]>,
  path: string,
  report: Report,
): void {
  if (baseInterval === undefined) {
    report.error(`${path}.baseInterval`, "must be set");
    return;
  }
  const baseFault = durationFault(baseInterval, "above zero");
  if (baseFault !== undefined) report.error(`${path}.baseInterval`, baseFault);
  if (maxInterval === undefined) return;
  const maxFault = durationFault(maxInterval, "above zero");
  if (maxFault !== undefined) report.error(`${path}.maxInterval`, maxFault);
  else if (compareDurations(maxInterval, baseInterval) < 0) {
    report.error(`${path}.maxInterval`, "must not be less than the baseInterval");
  }
}

function translateRateLimited(
  { resetHeaders, maxInterval }: RateLimitedRetryBackOff,
  path: string,
  report: Report,
): NonNullable<EnvoyRetryPolicy["rateLimitedRetryBackOff"]> {
  if (resetHeaders.length === 0) report.error(`${path}.resetHeaders`, "at least one header must be named");
  if (maxInterval !== undefined) {
    const fault = durationFault(maxInterval, "above zero");
    if (fault !== undefined) report.error(`${path}.maxInterval`, fault);
  }
  return {
    maxInterval,
    resetHeaders: resetHeaders.map(({ name, format }, index) => {
      const fault = headerNameFault(name, "no pseudo-headers");
      if (fault !== undefined) report.error(`${path}.resetHeaders[${index}].name`, fault);
      return {
        name,
        format:
          format === ResetHeader_HeaderFormat.UNIX_TIMESTAMP
            ? EnvoyResetHeaderFormat.UNIX_TIMESTAMP
            : EnvoyResetHeaderFormat.SECONDS,
      };
    }),
  };
}
