import { EpoxyError } from "../errors/index.ts";

/** What a failed call of the `consul` package says. */
interface Failure {
  readonly message?: string;
  readonly code?: string;
  readonly errors?: readonly Failure[];
  readonly response?: { readonly statusCode?: number; readonly body?: unknown };
}

const hints: Readonly<Record<number, string>> = {
  403: "; its token lacks a permission: docs/consul.md prints the policy that is needed",
  429: "; its limit of connections per client is reached (http_max_conns_per_client)",
};

/** A failure of Consul or of the way to it, as `unavailable` and in one line. */
export function consulError(address: string, what: string, cause: unknown): EpoxyError {
  const failure = cause as Failure;
  const status = failure.response?.statusCode;
  // An answer that broke off has a good status.
  if (status === undefined || status < 300) {
    const reason = failure.code ?? failure.errors?.[0]?.code ?? failure.message ?? String(cause);
    return new EpoxyError("unavailable", `Consul at ${address} doesn't answer (${what}): ${reason}`, { cause });
  }
  const body = failure.response?.body;
  const text = Buffer.isBuffer(body) || typeof body === "string" ? body.toString().trim() : "";
  const detail = text === "" ? (failure.message ?? "") : text.slice(0, 500);
  return new EpoxyError(
    "unavailable",
    `Consul at ${address} refused ${what}: ${status} ${detail}${hints[status] ?? ""}`,
    { cause },
  );
}

/** The HTTP status that Consul answered with, if `error` comes of one. */
export function consulStatus(error: unknown): number | undefined {
  const cause = error instanceof Error ? (error.cause as Failure | undefined) : undefined;
  return cause?.response?.statusCode;
}
