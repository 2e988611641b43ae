import { EpoxyError } from "../../errors/index.ts";
import type { ContentsReport, ProxyReport } from "../../control-plane/index.ts";
import { askAdmin } from "./ask-admin.ts";

const what = "the control plane's admin server (--admin-address)";

/** All proxies that are connected to a control plane. @throws `unavailable` */
export async function connectedProxies(address: string, signal: AbortSignal): Promise<readonly ProxyReport[]> {
  const answer = (await askAdmin(address, "/debug/proxies", what, signal)) as {
    readonly proxies?: readonly ProxyReport[];
  };
  if (answer.proxies === undefined)
    throw new EpoxyError("unavailable", `${what} at ${address} gives no list of proxies; is it an older version?`);
  return answer.proxies;
}

/** One of them with each of its resources; without an id the only one there is. @throws `unavailable`, `not_found`, `invalid` */
export async function connectedProxy(
  address: string,
  id: string | undefined,
  signal: AbortSignal,
): Promise<ProxyReport> {
  const proxies = await connectedProxies(address, signal);
  const ids = [...new Set(proxies.map((proxy) => proxy.id))];
  if (id === undefined && ids.length > 1) {
    throw new EpoxyError("invalid", `${ids.length} proxies are connected, name one: ${ids.slice(0, 20).join(", ")}`);
  }
  const wanted = id ?? ids[0];
  if (wanted === undefined)
    throw new EpoxyError("not_found", `no proxy is connected to the control plane at ${address}`);
  const path = `/debug/proxies?proxyID=${encodeURIComponent(wanted)}`;
  const { proxies: found } = (await askAdmin(address, path, what, signal)) as {
    readonly proxies: readonly ProxyReport[];
  };
  const [newest] = found.toSorted((a, b) => b.connectedAt.localeCompare(a.connectedAt));
  if (newest !== undefined) return newest;
  const known = ids.length === 0 ? "none is" : `there are ${ids.slice(0, 20).join(", ")}`;
  throw new EpoxyError("not_found", `no proxy with the node id ${wanted} is connected: ${known}`);
}

/** Digests of what a proxy is given. @throws `unavailable` */
export async function givenContents(address: string, id: string, signal: AbortSignal): Promise<ContentsReport> {
  return (await askAdmin(address, `/debug/contents?proxyID=${encodeURIComponent(id)}`, what, signal)) as ContentsReport;
}
