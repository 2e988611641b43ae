import type { Invocation } from "../command.ts";
import { connectedProxy } from "../proxy/connected-proxies.ts";
import { renderTable } from "../tables/table.ts";
import { UsageError } from "../usage-error.ts";
import type { proxyConfigOptions } from "./proxy-specs.ts";

/** `epoxy proxy config`: names and versions of what a proxy is given. */
export async function proxyConfig({
  values,
  arguments: [id],
  terminal,
  signal,
}: Invocation<typeof proxyConfigOptions>): Promise<undefined> {
  const proxy = await connectedProxy(values["admin-address"], id, signal);
  const names = proxy.types.map(({ type }) => type);
  const wanted = values.type?.toUpperCase();
  if (wanted !== undefined && !names.some((type) => type.toUpperCase() === wanted)) {
    throw new UsageError(`${proxy.id} asks for no ${values.type}: it asks for ${names.join(", ")}`);
  }
  const types = proxy.types.filter(({ type }) => wanted === undefined || type.toUpperCase() === wanted);
  if (values.json) {
    terminal.out(`${JSON.stringify({ ...proxy, types }, undefined, 2)}\n`);
    return undefined;
  }
  terminal.out(
    renderTable({
      headers: ["Type", "Name", "Version", "State"],
      rows: types.flatMap(({ type, resources }) =>
        resources.map(({ name, given, state }) => [type, name, given?.slice(0, 12) ?? "-", state]),
      ),
    }),
  );
  return undefined;
}
