import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Secret, TlsSecret } from "../../../generated/proto/epoxy/gloo/v1/secret.ts";

/** What of a Secret matters to those who refer to it for TLS. Nothing secret is in it, and a renewed certificate leaves it as it is. */
export interface TlsSecretState {
  /** Why it can't be used; undefined: it can. */
  readonly fault: { readonly path: string; readonly message: string } | undefined;
  /** Whether it has a certificate with its key. */
  readonly hasCertificate: boolean;
  /** Whether it says whose certificates are trusted. */
  readonly hasRootCa: boolean;
  /** Why nothing is known of it, though it may be there. */
  readonly unread?: string | undefined;
}

/** Of a secret that nobody can read. */
export const UNSEEN_TLS_SECRET: TlsSecretState = { fault: undefined, hasCertificate: true, hasRootCa: true };

/** Envoy's TLS library takes no others. Source: `ContextImpl::loadCertificateChain` of Envoy. */
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const MIN_RSA_BITS = 2048;

/** Judges a Secret by its content, of which no word gets into the result. */
export function tlsSecretState({ kind }: Secret): TlsSecretState {
  if (kind?.$case !== "tls") {
    const held = kind === undefined ? "it is empty" : `it is one of type ${kind.$case}`;
    return faulty(kind?.$case ?? "tls", `${held}: a secret of type tls is needed`);
  }
  const { certChain, privateKey, rootCa } = kind.value;
  const fault = pairFault(kind.value) ?? certificatesFault(rootCa, "tls.rootCa");
  return {
    fault,
    hasCertificate: fault === undefined && certChain !== "" && privateKey !== "",
    hasRootCa: fault === undefined && rootCa !== "",
  };
}

type Fault = NonNullable<TlsSecretState["fault"]>;

const faulty = (path: string, message: string): TlsSecretState => ({
  fault: { path, message },
  hasCertificate: false,
  hasRootCa: false,
});

function pairFault({ certChain, privateKey }: TlsSecret): Fault | undefined {
  if (certChain === "" && privateKey === "") return undefined;
  if (certChain === "") return { path: "tls.certChain", message: "the certificate of the private key is missing" };
  if (privateKey === "") return { path: "tls.privateKey", message: "the certificate's private key is missing" };
  return certificatesFault(certChain, "tls.certChain") ?? keyFault(certChain, privateKey);
}

/** The certificates of a text in PEM, as texts. */
export const certificatesIn = (pem: string): readonly string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];

/** Undefined: it is none. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function certificatesFault(pem: string, path: string): Fault | undefined {
  if (pem === "") return undefined;
  const blocks = certificatesIn(pem);
  if (blocks.length === 0) return { path, message: "no certificate in PEM is in it" };
  const broken = blocks.findIndex((block) => readCertificate(block) === undefined);
  if (broken < 0) return undefined;
  const which = blocks.length === 1 ? "the certificate" : `certificate ${broken + 1} of ${blocks.length}`;
  return { path, message: `${which} can't be read: it is no X.509 in PEM` };
}

/** What is wrong with a key in PEM for the first certificate of a chain; undefined: nothing. */
export function keyFault(certChain: string, privateKey: string): Fault | undefined {
  const path = "tls.privateKey";
  const [first = ""] = certificatesIn(certChain);
  let key: KeyObject;
  try {
    key = createPrivateKey(privateKey);
  } catch {
    return { path, message: "the private key can't be read: it is no unencrypted key in PEM" };
  }
  if (readCertificate(first)?.checkPrivateKey(key) !== true) {
    return { path, message: "the private key doesn't belong to the first certificate of tls.certChain" };
  }
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa" && modulusLength >= MIN_RSA_BITS) return undefined;
  if (key.asymmetricKeyType === "ec" && CURVES.has(namedCurve)) return undefined;
  return {
    path,
    message: `Envoy takes no such key: use RSA of at least ${MIN_RSA_BITS} bits, or EC with P-256, P-384 or P-521`,
  };
}
