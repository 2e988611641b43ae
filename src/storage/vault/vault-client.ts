import { EpoxyError } from "../../errors/index.ts";
import type { Clock } from "../backoff.ts";
import { errorsOf, isAbsent, vaultError } from "./vault-errors.ts";
import type { VaultOptions } from "./vault-options.ts";
import { createVaultSession } from "./vault-session.ts";
import { createVaultTransport, type VaultAnswer, type VaultRequest } from "./vault-transport.ts";

/** A version of a secret. */
export interface VaultVersion {
  /** Counts from 1 in the life of a key. */
  readonly number: number;
  /** Tells it from the version of the same number that the key had before it was deleted and created anew. */
  readonly created: string;
}

/** The newest version of a key, without what it holds. */
export interface VaultMetadata extends VaultVersion {
  /** Whether its data were deleted or destroyed. undefined: that is set for a time, which only Vault's own clock can tell. */
  readonly isGone: boolean | undefined;
}

export interface VaultSecret extends VaultVersion {
  /** Undefined: deleted or destroyed. */
  readonly data: unknown;
}

/** Whether a key may be read at all. */
export interface Refused {
  readonly refusal: EpoxyError;
}

/** A key-value engine of version 2 (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2). All calls throw `unavailable`. */
export interface VaultClient {
  readonly address: string;
  readonly mount: string;
  /** Undefined: there is no such key. A permission that lacks for this key alone is told, not thrown. */
  read(key: string, signal: AbortSignal): Promise<VaultSecret | Refused | undefined>;
  metadata(key: string, signal: AbortSignal): Promise<VaultMetadata | Refused | undefined>;
  /** Names in a folder; those of folders end with a slash. */
  list(folder: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Writes if the newest version is number `expected` (0: there is none). Undefined: it isn't. */
  write(key: string, data: object, expected: number, signal: AbortSignal): Promise<VaultVersion | undefined>;
  /** Deletes the data of one version, whatever others there are. */
  deleteVersion(key: string, number: number, signal: AbortSignal): Promise<void>;
  /** Deletes the key with all its versions. */
  deleteKey(key: string, signal: AbortSignal): Promise<void>;
  /** What tells this mount from one that is mounted in its place. Throws unless it is a key-value engine of version 2. */
  mountId(signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** @throws `invalid` for a bad address or a certificate that can't be read */
export function createVaultClient(options: VaultOptions & { readonly mount: string }, clock: Clock): VaultClient {
  const transport = createVaultTransport(options);
  const session = createVaultSession(transport, options.auth, clock);
  const { address } = transport;
  const { mount } = options;
  const escape = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
  const at = (part: string, key: string): string => `${escape(mount)}/${part}/${escape(key)}`;
  const refused = (what: string, answer: VaultAnswer): EpoxyError => vaultError(address, what, answer);

  async function send(request: Omit<VaultRequest, "token">): Promise<VaultAnswer> {
    return await session.send(request);
  }
  async function mustSend(request: Omit<VaultRequest, "token">): Promise<VaultAnswer> {
    const answer = await send(request);
    if (answer.status >= 300 && !isAbsent(answer)) throw refused(`${request.method} ${request.path}`, answer);
    return answer;
  }

  return {
    address,
    mount,

    async read(key, signal) {
      const path = at("data", key);
      const answer = await send({ method: "GET", path, signal });
      if (isAbsent(answer)) return undefined;
      if (answer.status === 403) return { refusal: refused(`GET ${path}`, answer) };
      // What was deleted is answered with 404, too, and with its metadata.
      const found = dataOf(answer) as { readonly data?: unknown; readonly metadata?: Fields } | undefined;
      const version = versionOf(found?.metadata);
      if ((answer.status !== 200 && answer.status !== 404) || version === undefined)
        throw refused(`GET ${path}`, answer);
      return { ...version, data: answer.status === 404 ? undefined : (found?.data ?? undefined) };
    },

    async metadata(key, signal) {
      const path = at("metadata", key);
      const answer = await send({ method: "GET", path, signal });
      if (isAbsent(answer)) return undefined;
      if (answer.status === 403) return { refusal: refused(`GET ${path}`, answer) };
      const found = dataOf(answer) as { readonly current_version?: unknown; readonly versions?: Fields } | undefined;
      const number = found?.current_version;
      if (answer.status !== 200 || typeof number !== "number") throw refused(`GET ${path}`, answer);
      const latest = found?.versions?.[`${number}`] as Fields | undefined;
      // Metadata alone, which someone set before any data.
      if (latest === undefined) return { number, created: "", isGone: true };
      const { deletion_time: deletion, destroyed, created_time: created } = latest;
      const isLater = typeof deletion === "string" && deletion !== "" && Date.parse(deletion) > Date.now();
      const isGone = destroyed === true || (typeof deletion === "string" && deletion !== "");
      return { number, created: String(created), isGone: destroyed !== true && isLater ? undefined : isGone };
    },

    async list(folder, signal) {
      const answer = await mustSend({ method: "GET", path: `${at("metadata", folder)}?list=true`, signal });
      if (answer.status === 404) return [];
      const keys = (dataOf(answer) as { readonly keys?: unknown } | undefined)?.keys;
      if (!Array.isArray(keys)) throw refused(`the list of ${mount}/metadata/${folder}`, answer);
      return keys.map(String);
    },

    async write(key, data, expected, signal) {
      const path = at("data", key);
      const body = { data, options: { cas: expected } };
      const answer = await send({ method: "POST", path, body, signal });
      if (answer.status === 400 && errorsOf(answer).some((text) => text.includes("check-and-set"))) return undefined;
      const version = versionOf(dataOf(answer) as Fields | undefined);
      if (answer.status !== 200 || version === undefined) throw refused(`POST ${path}`, answer);
      return version;
    },

    async deleteVersion(key, number, signal) {
      await mustSend({ method: "POST", path: at("delete", key), body: { versions: [number] }, signal });
    },

    async deleteKey(key, signal) {
      await mustSend({ method: "DELETE", path: at("metadata", key), signal });
    },

    async mountId(signal) {
      const path = `sys/internal/ui/mounts/${escape(mount)}`;
      const answer = await send({ method: "GET", path, signal });
      if (answer.status !== 200) throw refused(`the mount ${mount}`, answer);
      const found = dataOf(answer) as
        | { readonly type?: unknown; readonly uuid?: unknown; readonly options?: Fields | null }
        | undefined;
      if (found?.type !== "kv" || found.options?.version !== "2") {
        const remedy = "enable it with: vault secrets enable -path=… -version=2 kv";
        const text = `the mount ${mount} of Vault at ${address} is no key-value engine of version 2: ${remedy}`;
        throw new EpoxyError("unavailable", text);
      }
      return String(found.uuid);
    },

    async close() {
      await session.close();
      transport.close();
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

const dataOf = ({ body }: VaultAnswer): unknown => (body as { readonly data?: unknown } | undefined)?.data;

function versionOf(metadata: Fields | undefined): VaultVersion | undefined {
  const { version: number, created_time: created } = metadata ?? {};
  return typeof number === "number" && typeof created === "string" ? { number, created } : undefined;
}
