import type { CodegenResult } from "./codegen.ts";

/** Says what differed. @returns the exit code: 1 if generated code is stale and was only checked */
export function reportResult({ changed, removed }: CodegenResult, check: boolean, command: string): number {
  const lines = [
    ...changed.map((path) => `${check ? "stale" : "wrote"} ${path}`),
    ...removed.map((path) => `${check ? "no longer generated" : "removed"} ${path}`),
  ];
  for (const line of lines) process.stderr.write(`${line}\n`);
  if (!check || lines.length === 0) return 0;
  process.stderr.write(`Generated code is stale: run ${command}\n`);
  return 1;
}
