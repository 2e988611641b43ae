import type { XdsNode } from "../wire.ts";

/** Who is at the other end of a connection, as far as that was proved. Holds a secret: don't log it whole. */
export interface XdsPeer {
  /** Address and port. */
  readonly address: string;
  /** The certificate that it showed, checked against the authorities. */
  readonly certificate: PeerCertificate | undefined;
  /** From the metadata `authorization: Bearer …`. */
  readonly token: string | undefined;
}

export interface PeerCertificate {
  /** CN of the subject; empty: none. */
  readonly commonName: string;
  /** Values of its URI, DNS and IP entries, without their kind: `spiffe://cluster/edge`, `edge-1.internal`, `10.0.0.7`. */
  readonly subjectAltNames: readonly string[];
}

/** Why a client is turned away. The reason is sent to the client, and goes into the log. */
export interface Denial {
  /** `unauthenticated`: it hasn't proved who it is. `denied`: it may not have this. They become gRPC's UNAUTHENTICATED and PERMISSION_DENIED. */
  readonly code: "unauthenticated" | "denied";
  readonly reason: string;
}

/** Decides who is served. */
export interface XdsAuthorizer {
  /** Asked when a stream opens, before anything of it is read. Undefined: go on. */
  authenticate?(peer: XdsPeer): Denial | undefined;
  /**
   * Asked with a stream's first request. `key` is the snapshot that the node asks for, undefined where it names none. Undefined: it
   * is served. A promise that rejects turns the client away.
   */
  authorize(peer: XdsPeer, node: XdsNode, key: string | undefined): Denial | undefined | Promise<Denial | undefined>;
}
