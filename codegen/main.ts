#!/usr/bin/env node
// protoc-gen-epoxy: a plugin of buf and protoc. Reads a CodeGeneratorRequest and writes a CodeGeneratorResponse.
import { enableCompileCache } from "node:module";
import { buffer } from "node:stream/consumers";

// A third of a run is the loading of code, and buf starts a plugin several times.
enableCompileCache();
const { runPlugin } = await import("./plugin.ts");
process.stdout.write(runPlugin(await buffer(process.stdin)));
