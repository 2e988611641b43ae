import type { Secret } from "../../../generated/sdk/index.ts";
import type { Table } from "./table.ts";

const types = {
  aws: "AWS",
  azure: "Azure",
  tls: "TLS",
  oauth: "OAuth",
  apiKey: "ApiKey",
  header: "Header",
  credentials: "Credentials",
  encryption: "Encryption",
  extensions: "Extensions",
} as const;

export function secretTable(resources: readonly Secret[]): Table {
  return {
    headers: ["SECRET", "TYPE"],
    rows: resources.map(({ metadata, kind }) => [
      metadata?.name ?? "",
      kind === undefined ? "unknown" : types[kind.$case],
    ]),
  };
}
