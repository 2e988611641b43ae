import { isAbsolute, relative } from "node:path";
import { EpoxyError, formatLocation, problemsOf, type SourceLocation } from "../errors/index.ts";
import { refText } from "../resources/index.ts";
import type { Finding } from "../control-plane/check/index.ts";
import { printable } from "./printable.ts";

/** Something wrong, and where. */
export interface LocatedFinding {
  readonly severity: Finding["severity"];
  readonly message: string;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** What to do, where the message doesn't say it. */
  readonly advice?: string | undefined;
  readonly path?: string | undefined;
  readonly location: SourceLocation | undefined;
}

export const locatedFinding = (
  { severity, message, kind, ref: { namespace, name }, path, advice }: Finding,
  location: SourceLocation | undefined,
): LocatedFinding => ({ severity, message, advice, kind, namespace, name, path, location });

/** What could not be read. */
export function readingFindings(errors: readonly EpoxyError[]): readonly LocatedFinding[] {
  return errors.flatMap(problemsOf).map(({ message, location }) => {
    const place = location === undefined ? "" : `${formatLocation(location)}: `;
    return { severity: "error", message: message.startsWith(place) ? message.slice(place.length) : message, location };
  });
}

/** `file:line:column: error: VirtualService gloo-system.default: what is wrong`, one a line, and a summary. */
export function renderFindings(findings: readonly LocatedFinding[], resources: number): string {
  const lines = findings.map(({ severity, message, advice, kind, namespace, name, path, location }) => {
    const place = location === undefined ? "" : `${formatLocation(shown(location))}: `;
    const resource = kind === undefined ? "" : `${kind} ${refText({ namespace: namespace ?? "", name: name ?? "" })}: `;
    // As in statuses.
    const field = path === undefined || path === "" ? "" : ` (${path})`;
    const hint = advice === undefined ? "" : `: ${advice}`;
    return `${printable(`${place}${severity}: ${resource}${message}${field}${hint}`)}\n`;
  });
  const count = `in ${counted(resources, "resource")}`;
  if (findings.length === 0) return `No problems found ${count}.\n`;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const parts = [
    ...(errors > 0 ? [counted(errors, "error")] : []),
    ...(errors < findings.length ? [counted(findings.length - errors, "warning")] : []),
  ];
  return `${lines.join("")}\n${parts.join(" and ")} ${count}.\n`;
}

export function findingsJson(findings: readonly LocatedFinding[], resources: number): string {
  const problems = findings.map(({ location, ...finding }) => ({ ...finding, ...location }));
  return `${JSON.stringify({ ok: findings.length === 0, resources, problems }, undefined, 2)}\n`;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** A file below the current folder is named from there. */
function shown(location: SourceLocation): SourceLocation {
  if (!isAbsolute(location.source)) return location;
  const path = relative(process.cwd(), location.source);
  return path === "" || path.startsWith("..") ? location : { ...location, source: path };
}
