import type { HttpListener, Listener, Proxy, VirtualHost } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { type Ref, refOf, refText, type TranslationProblem } from "../resources/index.ts";
import { makeFragment } from "./make-fragment.ts";

export interface SplitProxy {
  readonly listeners: readonly ProxyFragment[];
  readonly virtualHosts: readonly ProxyFragment[];
  readonly problems: readonly TranslationProblem[];
}

/** Says that a part of the Proxy is at this path of it. */
const sourceOf = (ref: Ref, path: string) =>
  ({
    $case: "metadataStatic",
    value: {
      sources: [
        {
          resourceKind: "*v1.Proxy",
          resourceRef: { name: ref.name, namespace: ref.namespace },
          observedGeneration: 0n,
          path,
        },
      ],
    },
  }) as const;

/** Takes a Proxy that somebody stored apart into fragments, so that it is served as it stands. */
export function splitProxy(proxy: Proxy): SplitProxy {
  const ref = refOf(proxy);
  const problems: TranslationProblem[] = [];
  const report = (severity: TranslationProblem["severity"], message: string, path: string): void => {
    problems.push({ severity, message, path, sources: [{ kind: "Proxy", ref }] });
  };
  if (proxy.compressedSpec !== "") {
    report("warning", "compressedSpec is not supported: store the Proxy's listeners uncompressed", "compressedSpec");
  }
  const listeners: ProxyFragment[] = [];
  const virtualHosts: ProxyFragment[] = [];
  const addresses = new Set<string>();
  for (const [index, listener] of proxy.listeners.entries()) {
    const path = `listeners[${index}]`;
    const type = listener.listenerType;
    const name = `listener-${listener.bindAddress}-${listener.bindPort}`;
    if (addresses.has(name)) {
      const address = `${listener.bindAddress}:${listener.bindPort}`;
      report("error", `bind port not unique: another listener of ${refText(ref)} has the address ${address}`, path);
    } else if (type?.$case !== "httpListener") {
      report("warning", `${type?.$case ?? "a listener without a type"} is not supported yet: it is not opened`, path);
    } else {
      addresses.add(name);
      const bare = { ...type.value, virtualHosts: [], opaqueMetadata: sourceOf(ref, path) };
      listeners.push(
        makeFragment({
          proxy: ref,
          owner: { kind: "Proxy", ref },
          listenerName: name,
          listener: {
            ...listener,
            name,
            listenerType: { $case: "httpListener", value: bare },
            opaqueMetadata: sourceOf(ref, path),
          } satisfies Listener,
        }),
      );
      virtualHosts.push(...split(ref, name, type.value, path, (message, at) => report("error", message, at)));
    }
  }
  return { listeners, virtualHosts, problems };
}

/** The listener's virtual hosts; of two that claim a name or a domain, the first has it. */
function split(
  proxy: Ref,
  listenerName: string,
  listener: HttpListener,
  listenerPath: string,
  report: (message: string, path: string) => void,
): ProxyFragment[] {
  const names = new Set<string>();
  const taken = new Set<string>();
  return listener.virtualHosts.flatMap((virtualHost, index) => {
    const path = `${listenerPath}.httpListener.virtualHosts[${index}]`;
    const name = virtualHost.name === "" ? `${refText(proxy)}-${index}` : virtualHost.name;
    if (names.has(name)) {
      report(`virtual host name not unique: ${name}`, path);
      return [];
    }
    names.add(name);
    const claimed =
      virtualHost.domains.length === 0 ? ["*"] : virtualHost.domains.map((domain) => domain.toLowerCase());
    const domains = claimed.filter((domain) => !taken.has(domain));
    const refused = claimed.filter((domain) => taken.has(domain));
    for (const domain of domains) taken.add(domain);
    if (refused.length > 0) {
      report(`domain conflict: another virtual host of this listener has ${refused.join(", ")}`, `${path}.domains`);
    }
    if (domains.length === 0) return [];
    const owned: VirtualHost = { ...virtualHost, name, domains, opaqueMetadata: sourceOf(proxy, path) };
    return [makeFragment({ proxy, owner: { kind: "Proxy", ref: proxy }, listenerName, virtualHost: owned })];
  });
}
