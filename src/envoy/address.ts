import { type EnvoyAddress, EnvoySocketAddress } from "./api.ts";

const EMPTY = EnvoySocketAddress.fromPartial({});

/** The address of a TCP socket. One bound to `::` takes IPv4, too. */
export const socketAddress = (address: string, port: number): EnvoyAddress => ({
  address: {
    $case: "socketAddress",
    value: { ...EMPTY, address, portSpecifier: { $case: "portValue", value: port }, ipv4Compat: address === "::" },
  },
});
