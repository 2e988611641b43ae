import { kinds, SecretKind, SettingsKind, SettingsType } from "../../../generated/sdk/index.ts";
import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import { type AnyKind, createRegistry, type Ref, type Resource } from "../../resources/index.ts";
import type { KubeObject } from "../../kubernetes/index.ts";
import type { Logger } from "../logger.ts";
import { readSecretObject } from "../../storage/kubernetes/index.ts";
import type { HostPort } from "../settings/host-port.ts";
import { notHonoured, notHonouredText } from "../settings/not-honoured.ts";
import { type ValidationView, viewSettings } from "../settings/settings-view.ts";
import type { AdmissionObject, AdmissionRequest, AdmissionResponse } from "./admission-review.ts";
import { admit } from "./admit.ts";
import type { ChangeJudge, NewProblem } from "./judge-change.ts";
import { startWebhookServer, type WebhookServer } from "./webhook-server.ts";

export interface WebhookRunOptions {
  readonly address: HostPort;
  /** Of the engine in force; undefined: there is none yet. */
  readonly judge: () => ChangeJudge | undefined;
  /** Told of each answer. */
  readonly onAnswer: (request: AdmissionRequest, response: AdmissionResponse | undefined) => void;
  /** Those in force, wherever else this control plane looks. */
  readonly settings: Ref;
  readonly logger: Logger;
}

/** The validating webhook, as the Settings have it at each time. */
export interface WebhookRun {
  /** Undefined: it doesn't listen. */
  readonly address: HostPort | undefined;
  update(view: ValidationView | undefined): Promise<void>;
  close(): Promise<void>;
}

export function createWebhookRun({ address, judge, onAnswer, settings, logger }: WebhookRunOptions): WebhookRun {
  const registry = createRegistry(kinds);
  let policy: ValidationView | undefined;
  let server: WebhookServer | undefined;

  function answer(request: AdmissionRequest): AdmissionResponse | undefined {
    const present = judge();
    const watches = ({ kind }: AnyKind, namespace: string): boolean =>
      kind === SettingsKind.kind ? namespace === settings.namespace : present?.watches(namespace) !== false;
    const context = { registry, secretKind: SecretKind, secretOf, watches, ownProblems };
    const response =
      present === undefined || policy === undefined
        ? undefined
        : admit(request, { ...context, judge: present, policy });
    onAnswer(request, response);
    return response;
  }

  return {
    get address() {
      return server?.address;
    },
    async update(view) {
      const isSame = view?.certFile === policy?.certFile && view?.keyFile === policy?.keyFile;
      policy = view;
      if (isSame && (view === undefined) === (server === undefined)) return;
      await server?.close();
      server = undefined;
      if (view === undefined) return;
      const { certFile, keyFile } = view;
      server = await startWebhookServer({ address, certFile, keyFile, answer, logger });
    },
    async close() {
      await server?.close();
    },
  };
}

const secretOf = (object: AdmissionObject): Resource | undefined => readSecretObject(SecretKind, object as KubeObject);

/** Settings are checked as they are when they are put in force. */
function ownProblems(kind: AnyKind, resource: Resource): readonly NewProblem[] {
  if (kind.kind !== SettingsKind.kind) return [];
  const settings = resource as Settings;
  const ignored = notHonoured(SettingsType, settings).map(
    (path): NewProblem => ({ severity: "warning", message: notHonouredText(path) }),
  );
  try {
    viewSettings(settings, ".");
    return ignored;
  } catch (error) {
    return [{ severity: "error", message: (error as Error).message }, ...ignored];
  }
}
