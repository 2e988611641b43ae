import { EnvoyCircuitBreakerThresholds } from "../../api.ts";
import type { Feature } from "../../feature.ts";

const EMPTY = EnvoyCircuitBreakerThresholds.fromPartial({});

/** `circuitBreakers` of the upstream, else of the settings; for requests of default priority, which all are. */
export const circuitBreakers: Feature = {
  name: "circuitBreakers",
  stage: "route",
  implements: { upstream: ["circuitBreakers"] },
  cluster(upstream, { context }) {
    const limits = upstream.circuitBreakers ?? context.settings.circuitBreakers;
    if (limits === undefined) return undefined;
    const { maxConnections, maxPendingRequests, maxRequests, maxRetries, trackRemaining } = limits;
    const thresholds = { ...EMPTY, maxConnections, maxPendingRequests, maxRequests, maxRetries, trackRemaining };
    return { circuitBreakers: { thresholds: [thresholds], perHostThresholds: [] } };
  },
};
