import { expect } from "vitest";
import { VirtualServiceKind } from "../../../generated/sdk/index.ts";
import { EpoxyError } from "../../../src/errors/index.ts";
import { parseResources } from "../../../src/resources/index.ts";

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/**
 * Reads a text, which must neither throw nor take long, and holds each problem to what people need. Reading is synchronous: its CPU time is what
 * it takes on a quiet machine, whatever else this one does.
 */
export function judge(text: string, limitMs = 15_000): readonly EpoxyError[] {
  const start = cpuMs();
  const { problems } = parseResources(VirtualServiceKind, text, "some/vs.yaml");
  expect(cpuMs() - start).toBeLessThan(limitMs);
  for (const problem of problems) {
    expect(problem).toBeInstanceOf(EpoxyError);
    expect(problem.code).toBe("invalid");
    expect(problem.location?.source).toBe("some/vs.yaml");
    expect(problem.message).toMatch(/^some\/vs\.yaml(:\d+(:\d+)?)?: /);
    expect(problem.message.length).toBeLessThan(2_000);
    // No stack traces, and nothing that a terminal would obey.
    // oxlint-disable-next-line no-control-regex
    expect(problem.message).not.toMatch(/\n\s+at |[\x00-\x08\x0b-\x1f\x7f]/);
  }
  return problems;
}
