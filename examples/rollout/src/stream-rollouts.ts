import type { Storage } from "epoxy";
import { createRolloutClient } from "../generated/sdk/index.ts";
import { createRolloutStreamServer } from "../generated/sdk/streams.ts";

/** Streams all rollouts of a storage, as they change, to whoever connects. */
export async function streamRollouts(storage: Storage, port = 0) {
  const server = createRolloutStreamServer({ port });
  const stop = new AbortController();
  const { port: bound } = await server.listen();
  const following = server.follow(createRolloutClient(storage), { signal: stop.signal }).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    address: `127.0.0.1:${bound}`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.close();
      await following;
    },
  };
}
