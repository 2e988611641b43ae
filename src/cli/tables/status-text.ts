import type { Status } from "../../../generated/proto/epoxy/core/v1/status.ts";
import { type Resource, statusOf } from "../../resources/index.ts";

const states: readonly string[] = ["Pending", "Accepted", "Rejected", "Warning"];

/** The name of a status's state; without a status: Pending. */
export const stateText = (status: Status | undefined): string => states[status?.state ?? 0] ?? "Pending";

/** The state that a reporter gave; if it gave none and only one other did, that one's. */
export function stateOf(resource: Resource, namespace: string): string {
  return stateText(statusIn(resource, namespace));
}

/**
 * State with what is wrong, as Gloo words it: for an accepted resource, that something made from it isn't; for another, what is
 * wrong with that.
 */
export function statusText(resource: Resource, namespace: string): string {
  const status = statusIn(resource, namespace);
  const state = stateText(status);
  const faulty = Object.entries(status?.subresourceStatuses ?? {}).filter(([, { state: own }]) => own !== 1);
  const first = faulty[0];
  if (state === "Pending" || first === undefined) return state;
  if (state === "Accepted") {
    const [name, other] = first;
    return `${state}\n${name} is in a ${stateText(other)} state. Updates to this resource may be blocked by problems with another resource.`;
  }
  const messages = faulty.map(([name, other]) => `${name} ${stateText(other)}: ${other.reason}`);
  return `${state}\n${messages.length === 1 ? subresourceText(messages[0] ?? "") : messages.join("\n")}`;
}

/** The beginning of Gloo's reason for a route to an upstream that isn't there. */
const missingUpstream = "did not find upstream";

function subresourceText(message: string): string {
  const [, detail] = message.split(missingUpstream);
  return detail === undefined ? message : `Error with Route: ${missingUpstream}: ${detail.replace(/^:? /, "")}`;
}

function statusIn(resource: Resource, namespace: string): Status | undefined {
  const own = statusOf(resource, namespace);
  const all = Object.values(resource.namespacedStatuses?.statuses ?? {});
  return own ?? (all.length === 1 ? all[0] : undefined);
}
