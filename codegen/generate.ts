import type { CodeGeneratorRequest } from "@bufbuild/protobuf/wkt";
import { check } from "./check/check.ts";
import { diagnosticText } from "./check/diagnostic.ts";
import { parseOptions } from "./options.ts";
import { readModel } from "./read/read-model.ts";
import type { GeneratedFile } from "./render/package-model.ts";
import { render } from "./render/render.ts";

/** What the generator answers: files, or one line per mistake. */
export type GeneratorResult =
  | { readonly files: readonly GeneratedFile[]; readonly errors?: undefined }
  | { readonly files?: undefined; readonly errors: readonly string[] };

/**
 * The whole generator, without input and output: the same request gives the same bytes on every machine.
 * @throws OptionError
 */
export function generate(
  request: Pick<CodeGeneratorRequest, "fileToGenerate" | "protoFile" | "parameter">,
): GeneratorResult {
  const options = parseOptions(request.parameter);
  const model = readModel(request);
  const diagnostics = check(model);
  if (diagnostics.length > 0) return { errors: diagnostics.map(diagnosticText) };
  return { files: render(model, options) };
}
