/**
 * What most users need: kinds and storages of resources. Everything else has an entry point of its own, so that nobody loads
 * what they don't use: `epoxy/kinds`, `epoxy/storage/file`, `epoxy/storage/consul`, `epoxy/collections`, `epoxy/snapshot`,
 * `epoxy/xds`, `epoxy/control-plane`.
 */
export * from "./errors/index.ts";
export * from "./resources/index.ts";
export * from "./storage/index.ts";
