import type { VirtualService } from "../../../generated/sdk/index.ts";
import { routeText } from "./route-text.ts";
import { statusText } from "./status-text.ts";
import type { Table } from "./table.ts";

export function virtualServiceTable(resources: readonly VirtualService[], statusNamespace: string): Table {
  return {
    headers: ["VIRTUAL SERVICE", "DISPLAY NAME", "DOMAINS", "SSL", "STATUS", "LISTENERPLUGINS", "ROUTES"],
    rows: resources.flatMap((resource) => {
      const routes = (resource.virtualHost?.routes ?? []).map(routeText);
      const own = [
        resource.metadata?.name ?? "",
        resource.displayName,
        (resource.virtualHost?.domains ?? []).join(", "),
        sslText(resource),
        statusText(resource, statusNamespace),
        "",
      ];
      const none = own.map(() => "");
      return (routes.length === 0 ? [""] : routes).map((route, index) => [...(index === 0 ? own : none), route]);
    }),
  };
}

const sslTexts = { secretRef: "secret_ref", sslFiles: "ssl_files", sds: "sds" } as const;

function sslText({ sslConfig }: VirtualService): string {
  if (sslConfig === undefined) return "none";
  const source = sslConfig.sslSecrets?.$case;
  return source === undefined ? "unknown" : sslTexts[source];
}
