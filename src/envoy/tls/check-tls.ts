import type { ProxyFragment } from "../../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import { type Ref, refText, type TranslationProblem } from "../../resources/index.ts";
import type { TranslationContext } from "../context.ts";
import { createReport, type Report } from "../report.ts";
import { sourcesOf } from "../sources.ts";

/** Who refers to a secret, and for what. */
export interface TlsSecretUse {
  /** Of the reference. */
  readonly path: string;
  /** Whose namespace counts where the reference names none. */
  readonly owner: Ref;
  /** Clients are shown the certificate, so that there must be one. */
  readonly asServer: boolean;
}

/** Whether a Secret can be used for TLS; else the report says why not, in Gloo's words where it isn't there. */
export function hasTlsSecret(given: Ref, use: TlsSecretUse, context: TranslationContext, report: Report): boolean {
  const ref = { name: given.name, namespace: given.namespace === "" ? use.owner.namespace : given.namespace };
  const state = context.tlsSecret(ref);
  if (state === undefined) {
    const message = `SSL secret not found: list did not find secret ${refText(ref)}`;
    if (context.settings.warnMissingTlsSecret) report.warn(use.path, message);
    else report.error(use.path, message);
    return false;
  }
  const { fault, hasCertificate, unread } = state;
  if (unread !== undefined) {
    report.warn(use.path, `SSL secret ${refText(ref)} is waited for: not all secrets can be read: ${unread}`);
  }
  const lacking =
    use.asServer && !hasCertificate ? { path: "tls.certChain", message: "there is no certificate" } : undefined;
  const found = fault ?? lacking;
  if (found === undefined) return true;
  report.error(use.path, `SSL secret ${refText(ref)} can't be used: ${found.path}: ${found.message}`);
  return false;
}

/** What is wrong with the secrets that a listener, or the virtual hosts of a fragment, are to be offered with by TLS. */
export function checkFragmentTls(fragment: ProxyFragment, context: TranslationContext): readonly TranslationProblem[] {
  const { sslConfig, listener, owner } = fragment;
  const configs = [
    ...(sslConfig === undefined ? [] : [{ config: sslConfig, path: "sslConfig" }]),
    ...(listener?.sslConfigurations ?? []).map((config, at) => ({ config, path: `sslConfigurations[${at}]` })),
  ];
  if (configs.length === 0) return NONE;
  const report = createReport(() => sourcesOf(owner, ...(listener === undefined ? [] : [listener])));
  const { name = "", namespace = "" } = owner?.ref ?? {};
  for (const { config, path } of configs) {
    if (config.sslSecrets?.$case !== "secretRef") continue;
    const use = { path: `${path}.secretRef`, owner: { name, namespace }, asServer: true };
    hasTlsSecret(config.sslSecrets.value, use, context, report);
  }
  return report.problems;
}

const NONE: readonly TranslationProblem[] = [];
