import { type Status, Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { ResourceReport } from "./resource-reports.ts";

export interface ReportStatusOptions {
  /** Name of the reporter, such as `gloo` or `gateway`. */
  readonly reportedBy: string;
  /** States of the resources made from this one, by `*v1.<Kind>.<namespace>.<name>`. */
  readonly subresourceStatuses?: Readonly<Record<string, Status>> | undefined;
}

/** Bytes of UTF-8 that a reason may have. A subresource's may have half as many, and so on by level. */
const MAX_REASON_BYTES = 1024;

/** Subresources that a status may have; the first by key are kept. Halved by level, too. */
const MAX_SUBRESOURCES = 100;

/**
 * The status that a report amounts to: Rejected with errors, else Warning with warnings, else Accepted. The reason has Gloo's
 * form: `2 errors occurred:\n\t* <text>\n\t* <text>\n\n`, then `warning: \n  <text>`. It is cut to Gloo's sizes.
 */
export function statusOfReport(
  report: Pick<ResourceReport, "errors" | "warnings" | "messages">,
  { reportedBy, subresourceStatuses = {} }: ReportStatusOptions,
): Status {
  const { errors, warnings, messages } = report;
  const parts = [errorText(errors), warningText(warnings)].filter((text) => text !== "");
  return trimStatus({
    state:
      errors.length > 0 ? Status_State.Rejected : warnings.length > 0 ? Status_State.Warning : Status_State.Accepted,
    reason: parts.join("\n"),
    reportedBy,
    subresourceStatuses,
    details: undefined,
    messages,
  });
}

/** A status within the sizes that storages and people can take. */
export function trimStatus(status: Status): Status {
  return trimLevel(status, MAX_REASON_BYTES, MAX_SUBRESOURCES);
}

function trimLevel(status: Status, maxBytes: number, maxKeys: number): Status {
  const keys = Object.keys(status.subresourceStatuses).sort().slice(0, maxKeys);
  const subresources = keys.map((key) => {
    const subresource = status.subresourceStatuses[key] as Status;
    return [key, trimLevel(subresource, maxBytes >> 1, maxKeys >> 1)] as const;
  });
  return {
    ...status,
    reason: truncate(status.reason, maxBytes),
    subresourceStatuses: Object.fromEntries(subresources),
  };
}

function errorText(errors: readonly string[]): string {
  if (errors.length === 0) return "";
  const head = errors.length === 1 ? "1 error occurred:" : `${errors.length} errors occurred:`;
  return `${head}\n${errors.map((error) => `\t* ${error}\n`).join("")}\n`;
}

const warningText = (warnings: readonly string[]): string =>
  warnings.length === 0 ? "" : `warning: \n  ${warnings.join("\n  ")}`;

/** The text, or as much of its beginning as fits with an ellipsis, without cutting a character. */
export function truncate(text: string, maxBytes: number): string {
  // No UTF-16 unit takes more than three bytes.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= maxBytes) return text;
  const ellipsis = "…";
  let end = Math.max(0, maxBytes - Buffer.byteLength(ellipsis));
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end) + ellipsis;
}
