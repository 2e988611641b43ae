import type { Metadata, ServerDuplexStream } from "@grpc/grpc-js";
import type { PeerCertificate, XdsPeer } from "./authorizer.ts";

/** Who is at the other end of a call. */
export function peerOf(
  call: Pick<ServerDuplexStream<unknown, unknown>, "getPeer" | "getAuthContext" | "metadata">,
): XdsPeer {
  const shown = call.getAuthContext()?.sslPeerCertificate;
  return {
    address: call.getPeer(),
    certificate: shown && {
      commonName: typeof shown.subject?.CN === "string" ? shown.subject.CN : "",
      subjectAltNames: readSubjectAltNames(shown.subjectaltname ?? ""),
    },
    token: bearerToken(call.metadata),
  };
}

/**
 * Forgets what a client has sent as headers, once `peerOf` has seen them. A call may last for ever, and the library keeps them with it: of 64 KiB that
 * are mostly commas, a hundred times as many bytes.
 */
export function forgetHeaders({ metadata }: Pick<ServerDuplexStream<unknown, unknown>, "metadata">): void {
  for (const name of Object.keys(metadata.getMap())) metadata.remove(name);
}

function bearerToken(metadata: Metadata): string | undefined {
  const [value] = metadata.get("authorization");
  return typeof value === "string" ? /^bearer +(\S+) *$/i.exec(value)?.[1] : undefined;
}

/** In the form that Node.js has for it: `URI:spiffe://a, DNS:b, IP Address:10.0.0.1`, a value with unusual characters in JSON's quotes. */
export function readSubjectAltNames(text: string): PeerCertificate["subjectAltNames"] {
  const names: string[] = [];
  for (const [, kind, value = ""] of text.matchAll(/(?:^|, )([\w ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    if (kind !== "URI" && kind !== "DNS" && kind !== "IP Address") continue;
    names.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
  }
  return names;
}
