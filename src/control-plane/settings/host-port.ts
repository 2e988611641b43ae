import { EpoxyError } from "../../errors/index.ts";

/** A host name or IP address (IPv6 without brackets) and a port from 0 (any free one) to 65535. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[::1]:port` or `:port` (all addresses).
 * @param what names the flag or field in errors
 * @throws `invalid`
 */
export function parseHostPort(text: string, what: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new EpoxyError("invalid", `${what}: "${text}" is no address: write host:port, such as 127.0.0.1:9977`, {
      location: { source: "Settings", path: what },
    });
  }
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

/** Whether an address can be reached from this machine only. */
export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");
