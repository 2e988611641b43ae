import { apiVersionOf, type AnyKind } from "../../resources/index.ts";
import { VALIDATION_PATH } from "./webhook-server.ts";

export interface WebhookConfigurationOptions {
  /** The kinds that are stored as custom resources. */
  readonly kinds: readonly AnyKind[];
  /** The control plane's, in which the Service is. */
  readonly namespace: string;
  /** The Service in front of the webhook. */
  readonly service: string;
  readonly port: number;
  /** PEM of the authority that signed the webhook's certificate, in base64; absent: something else fills it in. */
  readonly caBundle?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * The ValidatingWebhookConfiguration that makes an API server ask the control plane before it stores one of the kinds, or deletes one of
 * them or a Secret. It is asked for objects, never for their statuses.
 *
 * `failurePolicy: Ignore`: a control plane that is down must not keep people from mending things. What gets past it is judged when it is
 * translated, told in its status, and harms no other.
 */
export function webhookConfiguration(options: WebhookConfigurationOptions): object {
  const { kinds, namespace, service, port, caBundle, annotations } = options;
  const byVersion = Map.groupBy(kinds, apiVersionOf);
  const rules = [...byVersion.values()].map((group) => ({
    operations: ["CREATE", "UPDATE", "DELETE"],
    apiGroups: [group[0]?.group],
    apiVersions: [group[0]?.version],
    resources: group.map(({ plural }) => plural).toSorted(),
    scope: "Namespaced",
  }));
  const common = {
    clientConfig: {
      service: { name: service, namespace, path: VALIDATION_PATH, port },
      ...(caBundle === undefined ? {} : { caBundle }),
    },
    sideEffects: "None",
    matchPolicy: "Exact",
    admissionReviewVersions: ["v1"],
    failurePolicy: "Ignore",
    timeoutSeconds: 5,
  };
  const secrets = {
    operations: ["DELETE"],
    apiGroups: [""],
    apiVersions: ["v1"],
    resources: ["secrets"],
    scope: "Namespaced",
  };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: {
      name: `gloo-gateway-validation-webhook-${namespace}`,
      labels: { app: "epoxy" },
      ...(annotations === undefined ? {} : { annotations }),
    },
    webhooks: [
      { name: `gateway.${namespace}.svc`, rules, ...common },
      { name: `kube.${namespace}.svc`, rules: [secrets], ...common },
    ],
  };
}
