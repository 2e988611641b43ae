import { lookup, Resolver } from "node:dns/promises";
import { isIP } from "node:net";

export interface NameResolverOptions {
  /** Host and port of a DNS server, such as Consul's; asked before the machine's own resolver. */
  readonly dnsAddress?: string | undefined;
  /** Milliseconds between look-ups of a name; default 5,000. */
  readonly interval?: number | undefined;
  /** Names that are still needed, among others; the rest is forgotten. */
  readonly namesInUse: () => Iterable<string>;
  readonly onChange: () => void;
}

/** Keeps the addresses of names. */
export interface NameResolver {
  /** The addresses known, sorted. An IP address is its own. Undefined: the first look-up is under way. */
  addressesOf(name: string): readonly string[] | undefined;
  close(): void;
}

/** Looks names up again and again; while that fails, the last addresses stay. */
export function createNameResolver({
  dnsAddress,
  interval = 5_000,
  namesInUse,
  onChange,
}: NameResolverOptions): NameResolver {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  // Only addresses are servers; a name would have to be resolved itself.
  const hasServer = dnsAddress !== undefined && isIP(dnsAddress.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")) !== 0;
  if (hasServer) resolver.setServers([dnsAddress]);
  const known = new Map<string, readonly string[] | undefined>();
  let timer: NodeJS.Timeout | undefined;

  async function resolve(name: string): Promise<void> {
    const addresses = (hasServer ? await resolver.resolve4(name).catch(() => []) : []) as readonly string[];
    const found = addresses.length > 0 ? addresses : await system(name);
    if (!known.has(name)) return;
    const before = known.get(name);
    // While look-ups fail, the last addresses stay.
    if (before !== undefined && found.length === 0) return;
    const sorted = [...new Set(found)].sort();
    if (sorted.join() === before?.join()) return;
    known.set(name, sorted);
    onChange();
  }

  function tick(): void {
    const used = new Set(namesInUse());
    for (const name of known.keys()) if (!used.has(name)) known.delete(name);
    if (known.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
    for (const name of known.keys()) void resolve(name);
  }

  return {
    addressesOf(name) {
      if (isIP(name) !== 0) return [name];
      if (!known.has(name)) {
        known.set(name, undefined);
        void resolve(name);
        timer ??= setInterval(tick, interval);
      }
      return known.get(name);
    },
    close() {
      clearInterval(timer);
      known.clear();
      resolver.cancel();
    },
  };
}

async function system(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}
