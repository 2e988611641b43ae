import { EpoxyError } from "../errors/index.ts";

/** What the API server says of a failure. Source: `Status` of Kubernetes' API. */
export interface KubeStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly name?: string; readonly retryAfterSeconds?: number };
}

/** A failure that the API server answered with: the cause of the EpoxyErrors of this layer. */
export class KubeFailure extends Error {
  override readonly name = "KubeFailure";
  readonly httpStatus: number;
  readonly status: KubeStatus;

  constructor(httpStatus: number, status: KubeStatus) {
    super(status.message ?? `HTTP ${httpStatus}`);
    this.httpStatus = httpStatus;
    this.status = status;
  }
}

const hints: Readonly<Record<number, string>> = {
  401: "; its credentials are wrong or have expired",
  403: "; docs/kubernetes.md names the rights that are needed",
};

/** What the API server refused, as an EpoxyError in one line: `invalid` what no repetition mends, else `unavailable`. */
export function answeredError(address: string, what: string, httpStatus: number, body: string): EpoxyError {
  const status = readStatus(body);
  const cause = new KubeFailure(httpStatus, status);
  const told = status.message ?? body.trim().slice(0, 300);
  // Where there is no such path, the server's text has the number, too.
  const text = told.replace(new RegExp(`^${httpStatus}\\s+`), "") || "without a reason";
  // 400 malformed, 413 too large, 422 not valid; the rest is about who asks, when, or what else is there.
  const code = httpStatus === 422 || httpStatus === 413 || httpStatus === 400 ? "invalid" : "unavailable";
  const isUnknownKind = httpStatus === 404 && status.details?.name === undefined;
  const hint = isUnknownKind ? "; is its CustomResourceDefinition installed? epoxy crds prints it" : hints[httpStatus];
  const message = `Kubernetes at ${address} refused ${what}: ${httpStatus} ${text}${hint ?? ""}`;
  return new EpoxyError(code, message, { cause });
}

/** No answer, or none that can be read. */
export function unansweredError(address: string, what: string, cause: unknown): EpoxyError {
  const { code, message } = cause as { readonly code?: string; readonly message?: string };
  const reason = code ?? message ?? String(cause);
  return new EpoxyError("unavailable", `Kubernetes at ${address} doesn't answer (${what}): ${reason}`, { cause });
}

/** The API server's own words, if `error` comes of an answer. */
export function kubeFailure(error: unknown): KubeFailure | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof KubeFailure ? cause : undefined;
}

export function readStatus(body: string): KubeStatus {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
