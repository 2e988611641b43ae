import type { SslConfig } from "../../generated/proto/epoxy/gloo/ssl/v1/ssl.ts";
import type { Listener, VirtualHost } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { type Ref, type ResourceKey, refKey, sharedText } from "../resources/index.ts";

export interface FragmentParts {
  readonly proxy: Ref;
  readonly owner: ResourceKey;
  readonly listenerName: string;
  readonly listener?: Listener | undefined;
  readonly virtualHost?: VirtualHost | undefined;
  /** The TLS that the virtual host is offered with. */
  readonly sslConfig?: SslConfig | undefined;
}

/** Key of a fragment among all: `<proxy namespace>/<proxy>|<listener>|<virtual host, or empty>`. */
export const fragmentKey = (proxy: Ref, listener: string, virtualHost = ""): string =>
  sharedText(`${refKey(proxy)}|${listener}|${virtualHost}`);

/** A fragment of a Proxy that holds a listener, or one virtual host. */
export function makeFragment(parts: FragmentParts): ProxyFragment {
  const { proxy, owner, listenerName, listener, virtualHost, sslConfig } = parts;
  return {
    ...ProxyFragment.fromPartial({
      metadata: {
        name: fragmentKey(proxy, listenerName, virtualHost?.name),
        namespace: proxy.namespace,
      },
      proxy: { name: proxy.name, namespace: proxy.namespace },
      owner: { kind: owner.kind, ref: { name: owner.ref.name, namespace: owner.ref.namespace } },
      listenerName,
    }),
    // Not through fromPartial, which would copy thousands of routes.
    listener,
    virtualHosts: virtualHost === undefined ? [] : [virtualHost],
    sslConfig,
  };
}
