/** A script of Unicode 16, which our check of regular expressions knows and Envoy's does not. */
export const refusedRegex = String.raw`/\p{Garay}`;

/** For `startEnvoy({without})`. */
export const MAGLEV = "envoy.load_balancing_policies/envoy.load_balancing_policies.maglev";

/** Fields of an Upstream whose cluster an Envoy without Maglev refuses. */
export const impossibleUpstream = "loadBalancerConfig: {maglev: {}}";
