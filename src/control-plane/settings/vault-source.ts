import type { Settings_VaultSecrets } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { VaultAuth, VaultOptions } from "../../storage/vault/index.ts";

/** Secrets in Vault. */
export interface VaultView {
  readonly type: "vault";
  readonly vault: VaultOptions;
  readonly mount: string;
  readonly rootKey: string;
}

/** What the command line says of Vault; each wins over the Settings. */
export interface VaultOverrides {
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly rootKey?: string | undefined;
  readonly pathPrefix?: string | undefined;
  readonly caCert?: string | undefined;
  readonly caPath?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly tlsServerName?: string | undefined;
  readonly insecure?: boolean | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * How Vault is reached, as the Settings say; where they say nothing, as Vault's environment variables do.
 * @param field names the place in the Settings in errors
 * @throws `invalid`
 */
export function vaultSource(
  settings: Settings_VaultSecrets | undefined,
  field: string,
  overrides: VaultOverrides = {},
  environment: Environment = process.env,
): VaultView {
  const tls = settings?.tlsConfig;
  const choose = (...values: readonly (string | undefined)[]): string | undefined => values.find(Boolean);
  const insecure =
    overrides.insecure || (tls?.insecure ?? settings?.insecure ?? isTrue(environment["VAULT_SKIP_VERIFY"]));
  return {
    type: "vault",
    vault: {
      address: choose(overrides.address, settings?.address, environment["VAULT_ADDR"]),
      auth: authOf(settings, field, overrides, environment),
      namespace: choose(settings?.namespace, environment["VAULT_NAMESPACE"]),
      tls: {
        ca: choose(overrides.caCert, tls?.caCert, settings?.caCert, environment["VAULT_CACERT"]),
        caPath: choose(overrides.caPath, tls?.caPath, settings?.caPath, environment["VAULT_CAPATH"]),
        cert: choose(overrides.clientCert, tls?.clientCert, settings?.clientCert, environment["VAULT_CLIENT_CERT"]),
        key: choose(overrides.clientKey, tls?.clientKey, settings?.clientKey, environment["VAULT_CLIENT_KEY"]),
        serverName: choose(
          overrides.tlsServerName,
          tls?.tlsServerName,
          settings?.tlsServerName,
          environment["VAULT_TLS_SERVER_NAME"],
        ),
        insecure,
      },
    },
    mount: choose(overrides.pathPrefix, settings?.pathPrefix) ?? "secret",
    rootKey: choose(overrides.rootKey, settings?.rootKey) ?? "gloo",
  };
}

function authOf(
  settings: Settings_VaultSecrets | undefined,
  field: string,
  overrides: VaultOverrides,
  environment: Environment,
): VaultAuth {
  if (overrides.token) return { type: "token", token: overrides.token };
  const method = settings?.authMethod;
  const missing = (part: string, what: string): EpoxyError =>
    new EpoxyError("invalid", `${field}.${part} is empty: ${what}`, at(`${field}.${part}`));
  switch (method?.$case) {
    case "aws": {
      const text = `${field}.aws is not supported: log in with accessToken, tokenFile, appRole or kubernetes`;
      throw new EpoxyError("invalid", text, at(`${field}.aws`));
    }
    case "tokenFile":
      return { type: "tokenFile", path: method.value };
    case "appRole": {
      const { roleId, secretId, secretIdFile, mountPath } = method.value;
      if (roleId === "") throw missing("appRole.roleId", "name the role's ID");
      return {
        type: "appRole",
        roleId,
        secretId: secretId || undefined,
        secretIdFile: secretIdFile || undefined,
        mount: mountPath || undefined,
      };
    }
    case "kubernetes": {
      const { role, mountPath, tokenFile } = method.value;
      if (role === "") throw missing("kubernetes.role", "name the role in Vault");
      return { type: "kubernetes", role, mount: mountPath || undefined, tokenFile: tokenFile || undefined };
    }
    case "accessToken":
    case undefined: {
      const token = method?.value || settings?.token || environment["VAULT_TOKEN"];
      if (token) return { type: "token", token };
      const text = `${field} says no way to log in to Vault: set accessToken, tokenFile, appRole or kubernetes, or VAULT_TOKEN`;
      throw new EpoxyError("invalid", text, at(field));
    }
  }
}

const at = (path: string) => ({ location: { source: "Settings", path } });

const isTrue = (text: string | undefined): boolean => /^(1|t|true)$/i.test(text ?? "");
