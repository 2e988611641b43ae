import type { JsonValue } from "../../resources/index.ts";

/** What the API server asks before it stores something. Source: `AdmissionReview` of `admission.k8s.io/v1`. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly subResource?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly dryRun?: boolean;
  readonly object?: AdmissionObject | null;
  readonly oldObject?: AdmissionObject | null;
}

export interface AdmissionObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: JsonValue | object | undefined;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  /** Shown by kubectl, whether allowed or not. */
  readonly warnings?: readonly string[];
  readonly status?: {
    readonly code: number;
    readonly message: string;
    readonly reason: string;
    readonly details?: object;
  };
}

export interface AdmissionReview {
  readonly apiVersion: string;
  readonly kind: "AdmissionReview";
  readonly request?: AdmissionRequest;
  readonly response?: AdmissionResponse;
}

/** The API server cuts or drops what is longer. */
const WARNING_LENGTH = 256;
const MAX_WARNINGS = 10;

/** Warnings in a form that the API server passes on. */
export function admissionWarnings(messages: readonly string[]): readonly string[] {
  const shown = messages.slice(0, MAX_WARNINGS).map((message) => {
    const line = message.replaceAll(/\s+/g, " ");
    return line.length <= WARNING_LENGTH ? line : `${line.slice(0, WARNING_LENGTH - 1)}…`;
  });
  return messages.length <= MAX_WARNINGS ? shown : [...shown, `and ${messages.length - MAX_WARNINGS} more`];
}
