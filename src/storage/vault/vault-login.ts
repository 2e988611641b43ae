import { readFile } from "node:fs/promises";
import { EpoxyError } from "../../errors/index.ts";
import { vaultError } from "./vault-errors.ts";
import type { VaultAuth } from "./vault-options.ts";
import type { VaultTransport } from "./vault-transport.ts";

/** A token and how long it is good for. */
export interface VaultToken {
  readonly token: string;
  /** Milliseconds from the moment it was given; 0: for ever; undefined: not known. */
  readonly lease: number | undefined;
  readonly isRenewable: boolean;
  /** Whether it was made for this process, which then revokes it at the end. */
  readonly isOwn: boolean;
}

const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Logs in. @throws `unavailable`, `invalid` for a file that can't be read */
export async function logIn(transport: VaultTransport, auth: VaultAuth, signal: AbortSignal): Promise<VaultToken> {
  switch (auth.type) {
    case "token":
      return given(auth.token);
    case "tokenFile":
      return given(await readSecretFile(auth.path, "the token for Vault", signal));
    case "appRole": {
      const { roleId, secretIdFile } = auth;
      const secretId = secretIdFile
        ? await readSecretFile(secretIdFile, "the AppRole's secret ID for Vault", signal)
        : auth.secretId;
      const body = { role_id: roleId, ...(secretId && { secret_id: secretId }) };
      return post(transport, auth.mount || "approle", body, signal);
    }
    case "kubernetes": {
      const path = auth.tokenFile || serviceAccountToken;
      const jwt = await readSecretFile(path, "the service account's token for Vault", signal);
      return post(transport, auth.mount || "kubernetes", { role: auth.role, jwt }, signal);
    }
  }
}

const given = (token: string): VaultToken => ({ token, lease: undefined, isRenewable: false, isOwn: false });

async function post(transport: VaultTransport, mount: string, body: object, signal: AbortSignal): Promise<VaultToken> {
  const path = `auth/${mount.split("/").map(encodeURIComponent).join("/")}/login`;
  const answer = await transport.send({ method: "POST", path, body, signal });
  const token = readAuth(answer.body);
  if (answer.status !== 200 || token === undefined) throw vaultError(transport.address, `the login (${path})`, answer);
  return token;
}

/** The token in an answer to a login or a renewal. */
export function readAuth(body: unknown): VaultToken | undefined {
  const auth = (body as { readonly auth?: Record<string, unknown> } | undefined)?.auth;
  if (typeof auth?.client_token !== "string") return undefined;
  const lease = Number(auth.lease_duration ?? 0) * 1000;
  return { token: auth.client_token, lease, isRenewable: auth.renewable === true, isOwn: true };
}

async function readSecretFile(path: string, what: string, signal: AbortSignal): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, { encoding: "utf8", signal })).trim();
  } catch (cause) {
    signal.throwIfAborted();
    throw new EpoxyError("unavailable", `${what} can't be read: ${path}`, { cause });
  }
  if (text === "") throw new EpoxyError("unavailable", `${what} is missing: ${path} is empty`);
  return text;
}
