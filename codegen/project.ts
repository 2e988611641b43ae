// `npm run codegen`: Epoxy's own generated code. Envoy's API is generated only if what it is made from has changed.
import { parseArgs } from "node:util";
import { generateEnvoyApi } from "./envoy/envoy-api.ts";
import { CodegenError } from "./write/codegen-error.ts";
import { runCodegen } from "./write/codegen.ts";
import { reportResult } from "./write/report-result.ts";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    // Only Envoy's API.
    envoy: { type: "boolean", default: false },
  },
});

try {
  const directory = process.cwd();
  const own = values.envoy ? { changed: [], removed: [] } : await runCodegen({ directory, check: values.check });
  const envoy = await generateEnvoyApi(directory, values.check);
  const all = { changed: [...own.changed, ...envoy.changed], removed: [...own.removed, ...envoy.removed] };
  process.exitCode = reportResult(all, values.check, "npm run codegen");
} catch (error) {
  if (!(error instanceof CodegenError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
