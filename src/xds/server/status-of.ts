import { status } from "@grpc/grpc-js";
import { InvalidRequest, LimitExceeded } from "./stream.ts";

/** gRPC's code for what a request did. */
export function statusOf(error: unknown): status {
  if (error instanceof InvalidRequest) return status.INVALID_ARGUMENT;
  return error instanceof LimitExceeded ? status.RESOURCE_EXHAUSTED : status.INTERNAL;
}
