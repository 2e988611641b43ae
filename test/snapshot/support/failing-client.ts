import { EpoxyError } from "../../../src/errors/index.ts";
import { type Resource, refText } from "../../../src/resources/index.ts";
import type { ResourceClient } from "../../../src/storage/index.ts";

type Call = "read" | "write" | "delete" | "writeStatus";

/** A client that passes everything on, and fails or does something first where the test says so. */
export function failingClient<T extends Resource>(
  client: ResourceClient<T>,
  before: (call: Call, ref: string) => void | Promise<void>,
): ResourceClient<T> {
  return {
    ...client,
    async read(ref, options) {
      await before("read", refText(ref));
      return client.read(ref, options);
    },
    async write(resource, options) {
      await before(
        "write",
        refText({ namespace: resource.metadata?.namespace ?? "", name: resource.metadata?.name ?? "" }),
      );
      return client.write(resource, options);
    },
    async delete(ref, options) {
      await before("delete", refText(ref));
      return client.delete(ref, options);
    },
    async writeStatus(ref, reporter, status, options) {
      await before("writeStatus", refText(ref));
      return client.writeStatus(ref, reporter, status, options);
    },
  };
}

export const unavailable = (): EpoxyError => new EpoxyError("unavailable", "connection refused");
