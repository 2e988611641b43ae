import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
} from "@bufbuild/protobuf/wkt";
import { generate, type GeneratorResult } from "./generate.ts";
import { OptionError } from "./options.ts";

/** Answers a CodeGeneratorRequest with a CodeGeneratorResponse. */
export function runPlugin(request: Uint8Array): Uint8Array {
  const { files = [], errors } = answer(request);
  const response = create(CodeGeneratorResponseSchema, {
    supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL),
    file: files.map(({ path, content }) => ({ name: path, content })),
  });
  // Mistakes are part of a regular answer: the compiler prints them and writes nothing.
  if (errors !== undefined) response.error = errors.join("\n");
  return toBinary(CodeGeneratorResponseSchema, response);
}

function answer(request: Uint8Array): GeneratorResult {
  try {
    return generate(fromBinary(CodeGeneratorRequestSchema, request));
  } catch (error) {
    if (error instanceof OptionError) return { errors: [error.message] };
    throw error;
  }
}
