import type { ProxyReport } from "../../control-plane/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { Invocation } from "../command.ts";
import { connectedProxies } from "../proxy/connected-proxies.ts";
import { renderTable } from "../tables/table.ts";
import type { proxyStatusOptions } from "./proxy-specs.ts";

/** `epoxy proxy status`. Resolves to 1 if a proxy isn't synced. */
export async function proxyStatus({
  values,
  arguments: [id],
  terminal,
  signal,
}: Invocation<typeof proxyStatusOptions>): Promise<number> {
  const all = await connectedProxies(values["admin-address"], signal);
  const proxies = all.filter((proxy) => id === undefined || proxy.id === id);
  if (id !== undefined && proxies.length === 0)
    throw new EpoxyError("not_found", `no proxy with the node id ${id} is connected`);
  if (values.json) {
    terminal.out(`${JSON.stringify(proxies, undefined, 2)}\n`);
  } else if (proxies.length === 0) {
    terminal.error("no proxy is connected\n");
  } else {
    terminal.out(statusTable(proxies));
  }
  return proxies.every(({ types }) => types.every(({ state }) => state === "synced")) ? 0 : 1;
}

function statusTable(proxies: readonly ProxyReport[]): string {
  const shown = ["CDS", "EDS", "LDS", "SRDS", "RDS", "SDS"];
  const extra = new Set(
    proxies.flatMap(({ types }) => types.map(({ type }) => type)).filter((type) => !shown.includes(type)),
  );
  const columns = [...shown, ...extra].filter((type) =>
    proxies.some(({ types }) => types.some((it) => it.type === type)),
  );
  return renderTable({
    headers: ["Proxy", "Role", "Envoy", ...columns, "Lag"],
    rows: proxies.map(({ id, role, envoyVersion, types }) => [
      ...[id, role, envoyVersion],
      ...columns.map((column) => types.find(({ type }) => type === column)?.state ?? "-"),
      `${Math.max(0, ...types.map(({ lagMs }) => lagMs)) / 1000} s`,
    ]),
  });
}
