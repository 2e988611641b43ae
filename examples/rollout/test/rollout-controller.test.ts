import { createUpstreamClient, createUpstreamGroupClient, UpstreamGroupKind, UpstreamKind } from "epoxy/kinds";
import { createFakeClock, createMemoryStorage, readYaml, waitFor } from "epoxy/testing";
import { expect, test } from "vitest";
import { createRolloutClient, RolloutKind } from "../generated/sdk/index.ts";
import { createRolloutController } from "../src/rollout-controller.ts";

const ref = { name: "shop", namespace: "default" };
const rollout = readYaml(
  RolloutKind,
  `metadata: {name: shop, namespace: default}
from: {name: shop-1, namespace: default}
to: {name: shop-2, namespace: default}
percent: 20`,
);
const upstream = (name: string) =>
  readYaml(
    UpstreamKind,
    `metadata: {name: ${name}, namespace: default}\nstatic: {hosts: [{addr: 127.0.0.1, port: 80}]}`,
  );
const weights = async (storage: ReturnType<typeof createMemoryStorage>) =>
  (await createUpstreamGroupClient(storage).read(ref)).destinations.map(({ weight }) => weight);

test("traffic moves once the new upstream is there, and back when it goes", async () => {
  await using storage = createMemoryStorage();
  await using controller = createRolloutController(storage);
  void controller.run();
  await createRolloutClient(storage).write(rollout);
  await waitFor(async () => expect(await weights(storage)).toEqual([100]) ?? true);
  await createUpstreamClient(storage).write(upstream("shop-2"));
  await waitFor(async () => expect(await weights(storage)).toEqual([80, 20]) ?? true);
  await createUpstreamClient(storage).delete({ name: "shop-2", namespace: "default" });
  await waitFor(async () => expect(await weights(storage)).toEqual([100]) ?? true);
});

test("a group that somebody else made is left alone, and the rollout tried again", async () => {
  const clock = createFakeClock();
  await using storage = createMemoryStorage();
  await using controller = createRolloutController(storage, clock);
  const groups = createUpstreamGroupClient(storage);
  await groups.write(readYaml(UpstreamGroupKind, "metadata: {name: shop, namespace: default}"));
  await createRolloutClient(storage).write(rollout);
  void controller.run();
  await waitFor(() => controller.health().failures > 0);
  expect(await weights(storage)).toEqual([]);
  await groups.delete(ref);
  await waitFor(() => clock.advance(1_000).then(() => controller.health().ready));
  expect(await weights(storage)).toEqual([100]);
});
