import { createMemoryStorage, readYaml, waitFor } from "epoxy/testing";
import { expect, test } from "vitest";
import { createRolloutClient, RolloutKind } from "../generated/sdk/index.ts";
import { createRolloutStreamClient } from "../generated/sdk/streams.ts";
import { streamRollouts } from "../src/stream-rollouts.ts";

const rollout = (percent: number) =>
  readYaml(RolloutKind, `metadata: {name: shop, namespace: default}\npercent: ${percent}`);
const ref = { name: "shop", namespace: "default" };

test("two clients follow the rollouts; one that refuses a version keeps the one it has", async () => {
  await using storage = createMemoryStorage();
  const rollouts = createRolloutClient(storage);
  const first = await rollouts.write(rollout(20));
  await using stream = await streamRollouts(storage);
  await using one = createRolloutStreamClient({ address: stream.address, node: { id: "one" } });
  await using careful = createRolloutStreamClient({
    address: stream.address,
    node: { id: "careful" },
    accept({ percent }) {
      if (percent > 100) throw new Error("more than everything");
    },
  });
  await Promise.all([one.synced, careful.synced]);
  expect([one, careful].map((client) => client.get(ref)?.percent)).toEqual([20, 20]);
  const second = await rollouts.write({ ...first, percent: 120 }, { overwrite: true });
  await waitFor(() => one.get(ref)?.percent === 120);
  expect(careful.get(ref)?.percent).toBe(20);
  await rollouts.write({ ...second, percent: 50 }, { overwrite: true });
  await waitFor(() => [one, careful].every((client) => client.get(ref)?.percent === 50));
  await rollouts.delete(ref);
  await waitFor(() => [one, careful].every((client) => client.list().length === 0));
});
