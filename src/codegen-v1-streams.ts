/**
 * What generated code for streamed kinds imports: version 1. It stands beside codegen-v1.ts because it loads gRPC, which programs
 * that stream nothing should not pay for.
 */
export type { StreamClient, StreamClientOptions, StreamServer, StreamServerOptions } from "./streams/index.ts";
export { createStreamClient, createStreamServer } from "./streams/index.ts";
