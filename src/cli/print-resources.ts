import {
  type AnyKind,
  type JsonValue,
  redact,
  renderResource,
  type Resource,
  resourceToJson,
} from "../resources/index.ts";
import { resourceTable } from "./tables/resource-table.ts";
import { wideTable } from "./tables/wide-table.ts";

export type OutputFormat = "table" | "wide" | "yaml" | "json" | "kube-yaml";

export interface PrintOptions {
  readonly format: OutputFormat;
  /** The reporter whose status is shown. */
  readonly statusNamespace: string;
  /** Print sensitive values as they are. */
  readonly showSecrets?: boolean | undefined;
}

/** Resources of one kind as text: a table, YAML documents, or a JSON array. Ends with a line break. */
export function printResources(kind: AnyKind, resources: readonly Resource[], options: PrintOptions): string {
  const { format, statusNamespace } = options;
  if (format === "table") return resourceTable(kind, resources, statusNamespace);
  if (format === "wide") return wideTable(kind, resources, statusNamespace);
  const shown = options.showSecrets === true ? resources : resources.map((resource) => redact(kind.type, resource));
  if (format === "json") {
    const json: JsonValue = shown.map((resource) => resourceToJson(kind, resource, { statusNamespace }));
    return `${JSON.stringify(json, undefined, 2)}\n`;
  }
  const shape = format === "kube-yaml" ? "kubernetes" : "bare";
  return shown.map((resource) => `---\n${renderResource(kind, resource, { shape, statusNamespace })}`).join("");
}
