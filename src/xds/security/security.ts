import type { XdsAuthorizer } from "./authorizer.ts";
import { type ClientRule, openClientRules } from "./client-rules.ts";
import { openTlsFiles, type TlsFiles, type TlsMaterial } from "./tls-files.ts";

/** How connections are secured, and who is served. */
export interface XdsSecurity {
  /** For new connections; undefined: plain text. Read at each connection, so it may change. */
  readonly tls?: TlsMaterial | undefined;
  /** Undefined: everybody who can connect is served what they ask for. */
  readonly authorizer?: XdsAuthorizer | undefined;
  /** Calls back when the authorizer is another one, or would answer otherwise: open streams are asked about again, and end where they are denied. */
  subscribe?(listener: () => void): () => void;
}

export interface XdsSecurityOptions {
  readonly tls?: TlsFiles | undefined;
  /** Empty or undefined: everybody who can connect is served what they ask for. */
  readonly clients?: readonly ClientRule[] | undefined;
  readonly logger?:
    | { info(fields: object, message: string): void; error(fields: object, message: string): void }
    | undefined;
  /** How often the files are looked at, in ms. Defaults to 1000. */
  readonly intervalMs?: number | undefined;
}

/** Files that secure an xDS server. They are looked at every second; what can't be used is in the log, and what was there before stays in force. */
export interface XdsSecurityFiles extends XdsSecurity {
  close(): void;
}

/** @throws `invalid` naming the file, if one can't be used at the start */
export async function openXdsSecurity(options: XdsSecurityOptions): Promise<XdsSecurityFiles> {
  const { clients = [], logger, intervalMs } = options;
  const onError = (error: Error): void => logger?.error({}, error.message);
  const tls =
    options.tls &&
    (await openTlsFiles(options.tls, { onReload: (message) => logger?.info({}, message), onError, intervalMs }));
  try {
    const rules = clients.length === 0 ? undefined : await openClientRules(clients, { onError, intervalMs });
    return {
      get tls() {
        return tls?.current;
      },
      authorizer: rules,
      subscribe: (listener) => rules?.subscribe(listener) ?? (() => {}),
      close() {
        tls?.close();
        rules?.close();
      },
    };
  } catch (error) {
    tls?.close();
    throw error;
  }
}
