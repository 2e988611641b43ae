import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8 from doubling the space for new objects whenever much survives, up to 128 MB, of which a process that runs for months would have
 * nothing after its start. A flag on the command line would be the plain way, but a program can't give itself one without starting twice.
 * Measured with 5,000 virtual services: a quarter less resident memory, and no more CPU time. To be called before much is loaded.
 */
export function limitYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
