import { status } from "@grpc/grpc-js";
import { ClientStatusRequest } from "../../../generated/envoy/envoy/service/status/v3/csds.ts";
import { type ClientStatusSources, clientStatus, TooManyStatuses } from "./client-status.ts";
import { InvalidMatcher } from "./node-matcher.ts";

/** Why a request isn't answered. */
interface Unanswered {
  readonly code: status;
  readonly details: string;
}

/** Matchers of a few nodes. What is made of a request takes many times its bytes. */
const MAX_REQUEST_BYTES = 64 * 1024;

/** Answers an encoded ClientStatusRequest with an encoded response. */
export function answerStatus(bytes: Uint8Array, sources: ClientStatusSources): Buffer | Unanswered {
  if (bytes.length > MAX_REQUEST_BYTES) {
    return { code: status.RESOURCE_EXHAUSTED, details: `the request has more than ${MAX_REQUEST_BYTES} bytes` };
  }
  const invalid = (details: string): Unanswered => ({ code: status.INVALID_ARGUMENT, details });
  let request: ClientStatusRequest;
  try {
    request = ClientStatusRequest.decode(bytes);
  } catch (error) {
    return invalid(`the request is no ClientStatusRequest: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return clientStatus(request, sources);
  } catch (error) {
    if (error instanceof InvalidMatcher) return invalid(`node_matchers: ${error.message}`);
    if (error instanceof TooManyStatuses) return { code: status.RESOURCE_EXHAUSTED, details: error.message };
    throw error;
  }
}
