/** How Envoy compares domains: without regard to letter case. */
export const normalizeDomain = (domain: string): string => domain.toLowerCase();

// Letters, digits and what hosts, ports and bracketed IPv6 addresses are made of; stars are looked at apart.
const HOST = /^[\p{L}\p{N}\-._~:[\]%*]+$/u;

/** Says what is wrong with a domain of a virtual host, or undefined. A `*` may stand at its start or its end. */
export function domainFault(domain: string): string | undefined {
  if (domain === "") return "the domain is empty: write * for all domains";
  if (domain.length > 255) return "the domain is longer than 255 characters";
  if (!HOST.test(domain)) {
    return domain.includes("/")
      ? "a domain has no scheme and no path: write the host alone"
      : "the domain holds characters that no host can have";
  }
  const first = domain.indexOf("*");
  if (first !== domain.lastIndexOf("*") || (first > 0 && first < domain.length - 1)) {
    return "a * may only stand at the start or the end of a domain, once";
  }
  return undefined;
}
