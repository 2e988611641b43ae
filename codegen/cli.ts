#!/usr/bin/env node
// `epoxy codegen`: generates code from protos by the buf.gen.yaml of the current folder.
import { parseArgs } from "node:util";
import { CodegenError } from "./write/codegen-error.ts";
import { runCodegen } from "./write/codegen.ts";
import { reportResult } from "./write/report-result.ts";

const usage = `Usage: epoxy codegen [--check] [--template FILE]

Runs "buf generate" into a temporary folder, writes what changed and removes what is no longer generated.

  --check          only say what differs; exit 1 if something does
  --template FILE  buf's template (default buf.gen.yaml)
`;

try {
  const { values } = parseArgs({
    options: {
      check: { type: "boolean", default: false },
      template: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
  } else {
    const result = await runCodegen({ directory: process.cwd(), template: values.template, check: values.check });
    process.exitCode = reportResult(result, values.check, "epoxy codegen");
  }
} catch (error) {
  const isUsage = error instanceof TypeError && "code" in error;
  if (!isUsage && !(error instanceof CodegenError)) throw error;
  process.stderr.write(`${error.message}\n${isUsage ? `\n${usage}` : ""}`);
  process.exitCode = 1;
}
