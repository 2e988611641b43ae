import type { Status } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { Resource } from "./kind.ts";

/** The status that one reporter gave; reporters are told apart by the namespace that they write to. */
export function statusOf(resource: Resource, namespace: string): Status | undefined {
  const statuses = resource.namespacedStatuses?.statuses;
  return statuses !== undefined && Object.hasOwn(statuses, namespace) ? statuses[namespace] : undefined;
}
