import { ClientStatusRequest, ClientStatusResponse } from "../../../generated/envoy/envoy/service/status/v3/csds.ts";
import { type ClientStatusSources, clientStatus } from "./client-status.ts";
import { InvalidMatcher } from "./node-matcher.ts";

/** Answers an encoded ClientStatusRequest with an encoded response, or a text that says why it can't be answered. */
export function answerStatus(bytes: Uint8Array, sources: ClientStatusSources): Buffer | string {
  let request: ClientStatusRequest;
  try {
    request = ClientStatusRequest.decode(bytes);
  } catch (error) {
    return `the request is no ClientStatusRequest: ${error instanceof Error ? error.message : String(error)}`;
  }
  try {
    return Buffer.from(ClientStatusResponse.encode(clientStatus(request, sources)).finish());
  } catch (error) {
    if (error instanceof InvalidMatcher) return `node_matchers: ${error.message}`;
    throw error;
  }
}
