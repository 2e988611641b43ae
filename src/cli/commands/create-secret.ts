import { randomBytes } from "node:crypto";
import { SecretKind } from "../../../generated/sdk/index.ts";
import { EpoxyError } from "../../errors/index.ts";
import type { JsonValue } from "../../resources/index.ts";
import type { Invocation } from "../command.ts";
import { createResource } from "../create-resource.ts";
import { keyValues } from "../key-values.ts";
import type { OptionTable } from "../option.ts";
import type { writeOptions } from "../options.ts";
import { readBytes } from "../read-text.ts";
import { UsageError } from "../usage-error.ts";
import type {
  apiKeySecretOptions,
  awsSecretOptions,
  azureSecretOptions,
  credentialsSecretOptions,
  encryptionKeySecretOptions,
  headerSecretOptions,
  oauthSecretOptions,
  tlsSecretOptions,
} from "./create-specs.ts";

type Creating<T extends OptionTable> = (invocation: Invocation<T>) => Promise<undefined>;

const create = (
  invocation: Invocation<typeof writeOptions>,
  fields: Readonly<Record<string, JsonValue>>,
): Promise<undefined> => createResource(invocation, SecretKind, fields);

/** `epoxy create secret tls` */
export const createTlsSecret: Creating<typeof tlsSecretOptions> = async (invocation) => {
  const { certchain, privatekey, rootca, ocspstaple } = invocation.values;
  if (!certchain && !rootca) throw new UsageError("name the certificate: --certchain and --privatekey, or --rootca");
  if (Boolean(certchain) !== Boolean(privatekey))
    throw new UsageError("--certchain and --privatekey belong together: give both");
  return create(invocation, {
    tls: {
      ...(certchain ? { certChain: readPem(certchain, "CERTIFICATE") } : {}),
      ...(privatekey ? { privateKey: readPem(privatekey, "PRIVATE KEY") } : {}),
      ...(rootca ? { rootCa: readPem(rootca, "CERTIFICATE") } : {}),
      ...(ocspstaple ? { ocspStaple: readBytes(ocspstaple).toString("base64") } : {}),
    },
  });
};

function readPem(path: string, label: string): string {
  const text = readBytes(path).toString("utf8");
  if (new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`).test(text)) return text;
  throw new EpoxyError("invalid", `${path}: found no PEM block "${label}"`, { location: { source: path } });
}

/** `epoxy create secret apikey` */
export const createApiKeySecret: Creating<typeof apiKeySecretOptions> = async (invocation) => {
  const { apikey, "apikey-generate": generate, "apikey-labels": labels } = invocation.values;
  if (Boolean(apikey) === generate) throw new UsageError("give either --apikey KEY or --apikey-generate");
  const apiKey = apikey || randomBytes(32).toString("base64url");
  return create(invocation, { apiKey: { apiKey, labels: [...labels] } });
};

/** `epoxy create secret authcredentials` */
export const createCredentialsSecret: Creating<typeof credentialsSecretOptions> = async (invocation) => {
  const { username, password } = invocation.values;
  return create(invocation, { credentials: required({ username, password }, ["--username", "--password"]) });
};

/** `epoxy create secret aws` */
export const createAwsSecret: Creating<typeof awsSecretOptions> = async (invocation) => {
  const { "access-key": accessKey, "secret-key": secretKey, "session-token": sessionToken } = invocation.values;
  const keys = required({ accessKey, secretKey }, ["--access-key", "--secret-key"]);
  return create(invocation, { aws: { ...keys, ...(sessionToken ? { sessionToken } : {}) } });
};

/** `epoxy create secret azure` */
export const createAzureSecret: Creating<typeof azureSecretOptions> = async (invocation) => {
  const apiKeys = keyValues("--api-keys", invocation.values["api-keys"]);
  if (Object.keys(apiKeys).length === 0) throw new UsageError("the keys are missing: --api-keys NAME=KEY");
  return create(invocation, { azure: { apiKeys } });
};

/** `epoxy create secret encryptionkey` */
export const createEncryptionKeySecret: Creating<typeof encryptionKeySecretOptions> = async (invocation) => {
  const { key = "" } = invocation.values;
  const length = Buffer.byteLength(key);
  if (length !== 32) throw new UsageError(`--key needs 32 bytes, found ${length}`);
  return create(invocation, { encryption: { key } });
};

/** `epoxy create secret header` */
export const createHeaderSecret: Creating<typeof headerSecretOptions> = async (invocation) => {
  const headers = keyValues("--headers", invocation.values.headers);
  if (Object.keys(headers).length === 0) throw new UsageError("the headers are missing: --headers NAME=VALUE");
  return create(invocation, { header: { headers } });
};

/** `epoxy create secret oauth` */
export const createOauthSecret: Creating<typeof oauthSecretOptions> = async (invocation) => {
  const { "client-secret": clientSecret } = invocation.values;
  return create(invocation, { oauth: required({ clientSecret }, ["--client-secret"]) });
};

function required(
  values: Readonly<Record<string, string | undefined>>,
  options: readonly string[],
): Record<string, string> {
  const missing = options.filter((_, index) => !Object.values(values)[index]);
  if (missing.length > 0) throw new UsageError(`${missing.join(" and ")} must be given`);
  return values as Record<string, string>;
}
