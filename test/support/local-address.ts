import { networkInterfaces } from "node:os";

/**
 * An address of this machine that isn't a loopback one: the API server refuses those in EndpointSlices. What is sent to it never leaves
 * the machine.
 */
export function localAddress(family: "IPv4" | "IPv6" = "IPv4"): string {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = addresses.find((it) => !it.internal && it.family === family && !it.address.startsWith("fe80:"));
  if (found === undefined) throw new Error(`this machine has no ${family} address but loopback ones`);
  return found.address;
}
