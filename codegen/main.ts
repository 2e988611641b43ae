#!/usr/bin/env node
// protoc-gen-epoxy: a plugin of buf and protoc. Reads a CodeGeneratorRequest and writes a CodeGeneratorResponse.
import { buffer } from "node:stream/consumers";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
} from "@bufbuild/protobuf/wkt";
import { generate, type GeneratorResult } from "./generate.ts";
import { OptionError } from "./options.ts";

function answer(input: Uint8Array): GeneratorResult {
  try {
    return generate(fromBinary(CodeGeneratorRequestSchema, input));
  } catch (error) {
    if (error instanceof OptionError) return { errors: [error.message] };
    throw error;
  }
}

const { files = [], errors } = answer(await buffer(process.stdin));
const response = create(CodeGeneratorResponseSchema, {
  supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL),
  file: files.map(({ path, content }) => ({ name: path, content })),
});
// Mistakes are part of a regular answer: the compiler prints them and writes nothing.
if (errors !== undefined) response.error = errors.join("\n");
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
