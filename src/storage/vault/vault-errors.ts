import { EpoxyError } from "../../errors/index.ts";
import type { VaultAnswer } from "./vault-transport.ts";

/** What Vault says is wrong; empty where the answer says nothing. */
export function errorsOf({ body }: VaultAnswer): readonly string[] {
  const errors = (body as { readonly errors?: unknown } | undefined)?.errors;
  return Array.isArray(errors) ? errors.map(String) : [];
}

/** Whether Vault itself says that nothing is there, and not that it knows no such mount, nor another server that knows no such page. */
export function isAbsent(answer: VaultAnswer): boolean {
  if (answer.status !== 404 || typeof answer.body !== "object" || answer.body === null) return false;
  return "errors" in answer.body && Array.isArray(answer.body.errors) && answer.body.errors.length === 0;
}

const hints: Readonly<Record<number, string>> = {
  403: "; its token has expired or lacks a permission: docs/vault.md has the policy that is needed",
  429: "; its limit of requests is reached",
  503: "; it is sealed, or in maintenance",
};

/** A refusal of Vault's as `unavailable` and in one line. It quotes nothing of what was sent. */
export function vaultError(address: string, what: string, answer: VaultAnswer): EpoxyError {
  const { status } = answer;
  const detail = errorsOf(answer).join("; ").replace(/\s+/g, " ").trim().slice(0, 500);
  const isVault = typeof answer.body === "object";
  const said = isVault ? detail : "not an answer of Vault's: is the address right?";
  return new EpoxyError(
    "unavailable",
    `Vault at ${address} refused ${what}: ${status}${said === "" ? "" : ` ${said}`}${isVault ? (hints[status] ?? "") : ""}`,
  );
}
