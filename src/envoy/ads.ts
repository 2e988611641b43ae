import { ApiVersion, type EnvoyConfigSource } from "./api.ts";

/** Resources come over the stream that the listener came over. */
export const ADS: EnvoyConfigSource = {
  authorities: [],
  configSourceSpecifier: { $case: "ads", value: {} },
  initialFetchTimeout: undefined,
  resourceApiVersion: ApiVersion.V3,
};
