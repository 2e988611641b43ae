import type { BuiltListener, BuiltVirtualHost } from "../../../../src/control-plane/route-graph.ts";
import {
  saveCollection,
  savedListener,
  savedText,
  savedVirtualHost,
} from "../../../../src/control-plane/saved-state/last-good.ts";
import type { SavedForm, SavedSection } from "../../../../src/control-plane/saved-state/saved-state.ts";
import { joinedPart, type XdsPart, xdsPart, xdsPiece } from "../../../../src/xds/index.ts";
import type { Chain, ChainSurroundings } from "../chain.ts";

/** What a control plane saves of its chain, in memory, in the form that a file has. */
export function formerLife() {
  const listeners = section(savedListener);
  const virtualHosts = section(savedVirtualHost);
  const [domains, addresses] = [section(savedText), section(savedText)];
  let stops: (() => void)[] = [];
  const former: Pick<ChainSurroundings, "lastGood" | "lastOwners"> = {
    lastGood: { listener: listeners.get, virtualHost: virtualHosts.get },
    lastOwners: { domains: domains.get, addresses: addresses.get },
  };
  return {
    /** For the next chain. */
    former,
    follow({ gateway, envoy }: Chain): void {
      stops = [
        saveCollection(gateway.owners.domains, domains, ({ owner }) => owner),
        saveCollection(gateway.owners.addresses, addresses, ({ owner }) => owner),
        saveCollection<BuiltListener, BuiltListener>(envoy.listeners, listeners, (it) => it),
        saveCollection<BuiltVirtualHost, BuiltVirtualHost>(envoy.virtualHosts, virtualHosts, (it) => it),
      ];
    },
    stop(): void {
      for (const stop of stops) stop();
    },
  };
}

function section<T>(form: SavedForm<T>): SavedSection<T> {
  const saved = new Map<string, { readonly json: string; readonly parts: readonly XdsPart[] }>();
  return {
    get(key) {
      const found = saved.get(key);
      if (found === undefined) return undefined;
      return form.join(JSON.parse(found.json), found.parts);
    },
    has: (key) => saved.has(key),
    keys: () => [...saved.keys()],
    set(key, value) {
      const { json, parts } = form.split(value);
      saved.set(key, { json: JSON.stringify(json), parts: parts.map(readAgain) });
    },
    delete: (key) => void saved.delete(key),
  };
}

const readAgain = ({ bytes, origin, pieces }: XdsPart): XdsPart =>
  pieces === undefined
    ? xdsPart(bytes, origin)
    : joinedPart(
        pieces.map((piece) => xdsPiece(piece.bytes)),
        origin,
      );
