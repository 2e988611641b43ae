import type { Listener } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Proxy } from "../../../generated/sdk/index.ts";
import { stateOf } from "./status-text.ts";
import type { Table } from "./table.ts";

export function proxyTable(resources: readonly Proxy[], statusNamespace: string): Table {
  return {
    headers: ["PROXY NAME", "PROXY NAMESPACE", "CREATED BY", "LISTENERS", "VIRTUAL HOSTS", "STATUS"],
    rows: resources.flatMap((resource) => {
      const { metadata } = resource;
      const listeners = resource.listeners.map(({ bindAddress, bindPort }) => `${bindAddress}:${bindPort}`);
      const hosts = resource.listeners.reduce((sum, listener) => sum + virtualHostCount(listener), 0);
      const createdBy = metadata?.labels["created_by"] ?? "";
      const [first = "", ...rest] = listeners;
      return [
        [
          metadata?.name ?? "",
          metadata?.namespace ?? "",
          createdBy,
          first,
          String(hosts),
          stateOf(resource, statusNamespace),
        ],
        ...rest.map((listener) => ["", "", "", listener, "", ""]),
      ];
    }),
  };
}

function virtualHostCount({ listenerType: type }: Listener): number {
  switch (type?.$case) {
    case "httpListener":
      return type.value.virtualHosts.length;
    case "aggregateListener":
      return Object.keys(type.value.httpResources?.virtualHosts ?? {}).length;
    default:
      return 0;
  }
}
