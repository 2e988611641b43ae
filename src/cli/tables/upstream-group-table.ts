import type { Destination, WeightedDestination } from "../../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { UpstreamGroup } from "../../../generated/sdk/index.ts";
import { stateOf } from "./status-text.ts";
import type { Table } from "./table.ts";

export function upstreamGroupTable(resources: readonly UpstreamGroup[], statusNamespace: string): Table {
  return {
    headers: ["UPSTREAM GROUP", "STATUS", "TOTAL WEIGHT", "DETAILS"],
    rows: resources.flatMap((resource, position) => {
      const total = resource.destinations.reduce((sum, destination) => sum + weightOf(destination), 0);
      const lines = resource.destinations.flatMap((destination, index) => [
        ...(index === 0 ? [] : [""]),
        ...destinationLines(destination.destination),
        `weight: ${weightOf(destination)}   % total: ${(weightOf(destination) / total).toFixed(2)}`,
      ]);
      const own = [resource.metadata?.name ?? "", stateOf(resource, statusNamespace), String(total)];
      const rows = (lines.length === 0 ? [""] : lines).map((line, index) => [
        ...(index === 0 ? own : ["", "", ""]),
        line,
      ]);
      return position === resources.length - 1 ? rows : [...rows, ["", "", "", "---"]];
    }),
  };
}

const weightOf = ({ weight }: WeightedDestination): number => weight ?? 0;

function destinationLines(destination: Destination | undefined): readonly string[] {
  const type = destination?.destinationType;
  const subset = destination?.subset;
  const subsetLines =
    subset === undefined
      ? []
      : [
          `subset: map[${Object.entries(subset.values)
            .map(([key, value]) => `${key}:${value}`)
            .join(" ")}]`,
        ];
  switch (type?.$case) {
    case "upstream":
      return [
        "destination type: Upstream",
        `namespace: ${type.value.namespace}`,
        `name: ${type.value.name}`,
        ...subsetLines,
      ];
    case "kube":
      return [
        "destination type: Kube",
        `namespace: ${type.value.ref?.namespace ?? ""}`,
        `name: ${type.value.ref?.name ?? ""}`,
        ...subsetLines,
      ];
    case "consul":
      return [
        "destination type: Consul",
        `service name: ${type.value.serviceName}`,
        `data centers: [${type.value.dataCenters.join(" ")}]`,
        `tags: [${type.value.tags.join(" ")}]`,
        ...subsetLines,
      ];
    case undefined:
      return ["destination type: Unknown", ...subsetLines];
  }
}
