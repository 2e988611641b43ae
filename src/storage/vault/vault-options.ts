import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { EpoxyError } from "../../errors/index.ts";

/** Certificates for a Vault that is reached over TLS: paths of PEM files. */
export interface VaultTls {
  /** The authority that signed Vault's certificate; default: those that Node knows. Wins over `caPath`, as in Vault's own client. */
  readonly ca?: string | undefined;
  /** A folder of such authorities' certificates. */
  readonly caPath?: string | undefined;
  /** The client's certificate and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that Vault's certificate must be for; default: the address's host. */
  readonly serverName?: string | undefined;
  /** Don't check Vault's certificate. */
  readonly insecure?: boolean | undefined;
}

/** How to log in. Files are read anew for each login, so what lies in them may be exchanged at any time. */
export type VaultAuth =
  | { readonly type: "token"; readonly token: string }
  /** A file that something else keeps up to date, such as Vault's agent. */
  | { readonly type: "tokenFile"; readonly path: string }
  | {
      readonly type: "appRole";
      readonly roleId: string;
      /** One of both, unless the role needs none. */
      readonly secretId?: string | undefined;
      readonly secretIdFile?: string | undefined;
      /** Where the method is mounted; default `approle`. */
      readonly mount?: string | undefined;
    }
  | {
      readonly type: "kubernetes";
      readonly role: string;
      /** Default: where Kubernetes puts the service account's token. */
      readonly tokenFile?: string | undefined;
      /** Where the method is mounted; default `kubernetes`. */
      readonly mount?: string | undefined;
    };

export interface VaultOptions {
  /** A URL. Default `https://127.0.0.1:8200`. */
  readonly address?: string | undefined;
  readonly auth: VaultAuth;
  readonly tls?: VaultTls | undefined;
  /** Vault's namespace (Vault Enterprise, OpenBao); default: the root. */
  readonly namespace?: string | undefined;
  /** Milliseconds that a request may take. Default 10,000. */
  readonly timeout?: number | undefined;
}

/** @throws `invalid` */
export function vaultUrl(address: string | undefined): URL {
  const text = address || "https://127.0.0.1:8200";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    // What is no URL may have been meant for another field.
    throw new EpoxyError("invalid", "Vault's address is no URL: write it as https://vault.example.com:8200");
  }
  return url;
}

/** Reads the certificates. @throws `invalid` with the path of a file that can't be read */
export function readVaultTls(
  tls: VaultTls | undefined,
): SecureContextOptions & { rejectUnauthorized?: boolean; servername?: string } {
  if (tls === undefined) return {};
  const authorities = tls.ca ? [tls.ca] : filesIn(tls.caPath);
  const ca = authorities.map((path) => readPem(path, "the CA's certificate"));
  if (Boolean(tls.cert) !== Boolean(tls.key)) {
    throw new EpoxyError("invalid", "the client's certificate for Vault and its key belong together: give both");
  }
  return {
    ...(ca.length > 0 && { ca }),
    ...(tls.cert && { cert: readPem(tls.cert, "the client's certificate") }),
    ...(tls.key && { key: readPem(tls.key, "the client's key") }),
    ...(tls.serverName && { servername: tls.serverName }),
    ...(tls.insecure === true && { rejectUnauthorized: false }),
  };
}

function readPem(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new EpoxyError("invalid", `${what} for Vault can't be read: ${path}`, { cause });
  }
}

function filesIn(folder: string | undefined): readonly string[] {
  if (!folder) return [];
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => join(folder, name));
  } catch (cause) {
    throw new EpoxyError("invalid", `the CAs' certificates for Vault can't be read: ${folder}`, { cause });
  }
}
