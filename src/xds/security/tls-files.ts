import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { EpoxyError } from "../../errors/index.ts";
import { watchFiles } from "./watch-files.ts";

/** Files in PEM. All are read anew when they change. */
export interface TlsFiles {
  /** The server's certificate, with what links it to its authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities whose certificates clients may show. */
  readonly clientCaFile?: string | undefined;
  /** Whether a client has to show one. Defaults to true where there is `clientCaFile`. */
  readonly requireClientCertificate?: boolean | undefined;
}

/** What a new connection is to be secured with; another object whenever it changes. */
export interface TlsMaterial {
  readonly context: SecureContextOptions;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
}

export interface TlsSource {
  readonly current: TlsMaterial;
  close(): void;
}

export interface TlsSourceOptions {
  onReload(message: string): void;
  /** Changed files can't be used; the old ones stay in force. */
  onError(error: Error): void;
  readonly intervalMs?: number | undefined;
}

/** @throws `invalid` naming the file, if the files can't be used at the start */
export async function openTlsFiles(files: TlsFiles, options: TlsSourceOptions): Promise<TlsSource> {
  const paths = [files.certFile, files.keyFile, ...(files.clientCaFile === undefined ? [] : [files.clientCaFile])];
  let current: TlsMaterial | undefined;
  const read = ([cert, key, ca]: readonly Buffer[]): void => {
    const next = readMaterial(files, cert ?? Buffer.alloc(0), key ?? Buffer.alloc(0), ca);
    if (current !== undefined) options.onReload(`new xDS connections get the changed TLS files: ${next.text}`);
    current = next.material;
  };
  try {
    const close = await watchFiles({
      paths,
      onChange: read,
      onError: ({ message }) =>
        options.onError(
          new EpoxyError("invalid", `changed TLS files of the xDS server can't be used, the old ones stay: ${message}`),
        ),
      intervalMs: options.intervalMs,
    });
    return {
      get current() {
        return current as TlsMaterial;
      },
      close,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new EpoxyError("invalid", `the TLS files of the xDS server can't be used: ${message}`, { cause });
  }
}

/** Checks that the files are what they should be and belong together. @throws naming the file; its content is in no message */
function readMaterial(
  { certFile, keyFile, clientCaFile, requireClientCertificate }: TlsFiles,
  cert: Buffer,
  key: Buffer,
  ca: Buffer | undefined,
): { readonly material: TlsMaterial; readonly text: string } {
  const certificate = parseCertificate(cert, certFile);
  if (ca !== undefined) parseCertificate(ca, clientCaFile ?? "");
  let own;
  try {
    own = createPrivateKey(key);
  } catch {
    throw new EpoxyError("invalid", `${keyFile} holds no private key in PEM, or one with a passphrase`);
  }
  if (!certificate.checkPrivateKey(own)) {
    throw new EpoxyError("invalid", `${keyFile} is not the key of the certificate in ${certFile}`);
  }
  const context: SecureContextOptions = { cert, key, ...(ca !== undefined && { ca }) };
  createSecureContext(context);
  const requestCert = ca !== undefined;
  return {
    material: { context, requestCert, rejectUnauthorized: requestCert && requireClientCertificate !== false },
    text: `${certificate.subject.replaceAll("\n", ", ")}, valid until ${certificate.validTo}`,
  };
}

function parseCertificate(pem: Buffer, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new EpoxyError("invalid", `${file} holds no certificate in PEM`);
  }
}
