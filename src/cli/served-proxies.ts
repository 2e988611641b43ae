import { ProxyKind } from "../../generated/sdk/index.ts";
import type { Proxy } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { EpoxyError } from "../errors/index.ts";
import { matchesSelector, parseResources, type Selector } from "../resources/index.ts";
import { askAdmin } from "./proxy/ask-admin.ts";

const what = "the control plane's admin server (--admin-address)";

export interface WantedProxies {
  readonly namespace: string;
  /** Empty: all. */
  readonly names: readonly string[];
  readonly selector: Selector | undefined;
}

/** Proxies as a running control plane serves them, sensitive values redacted. @throws `unavailable`; `not_found` for a name */
export async function servedProxies(
  address: string,
  { namespace, names, selector }: WantedProxies,
  signal: AbortSignal,
): Promise<readonly Proxy[]> {
  const query = new URLSearchParams({ namespace });
  for (const name of names) query.append("name", name);
  const answer = (await askAdmin(address, `/debug/served-proxies?${query.toString()}`, what, signal)) as {
    proxies?: unknown[];
  };
  if (answer.proxies === undefined)
    throw new EpoxyError("unavailable", `${what} at ${address} gives no Proxies; is it an older version?`);
  const proxies = answer.proxies.flatMap((json) => {
    const { documents, problems } = parseResources(ProxyKind, JSON.stringify(json), `a Proxy from ${address}`);
    if (problems[0] !== undefined) throw problems[0];
    return documents.map(({ resource }) => resource);
  });
  const missing = names.find((name) => !proxies.some(({ metadata }) => metadata?.name === name));
  if (missing !== undefined)
    throw new EpoxyError("not_found", `the control plane at ${address} serves no Proxy ${namespace}/${missing}`);
  return proxies.filter(({ metadata }) => matchesSelector(selector, metadata?.labels));
}
