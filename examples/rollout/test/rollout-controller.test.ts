import { createGraph } from "epoxy/collections";
import { createUpstreamClient, createUpstreamGroupClient, UpstreamGroupKind, UpstreamKind } from "epoxy/kinds";
import { fromWatch } from "epoxy/snapshot";
import { createFakeClock, createMemoryStorage, readYaml, waitFor } from "epoxy/testing";
import { expect, test } from "vitest";
import { createRolloutClient, RolloutKind } from "../generated/sdk/index.ts";
import { createRolloutController } from "../src/rollout-controller.ts";
import { upstreamGroups } from "../src/upstream-groups.ts";

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

test("the derived collection changes only the groups of rollouts that look at what has changed", async () => {
  await using storage = createMemoryStorage();
  const graph = createGraph();
  await using rollouts = fromWatch(graph, "rollouts", createRolloutClient(storage));
  await using upstreams = fromWatch(graph, "upstreams", createUpstreamClient(storage));
  const groups = upstreamGroups(graph, rollouts.collection, upstreams.collection);
  const changed: string[] = [];
  groups.subscribe((changes) => changed.push(...changes.map(({ key }) => key)));
  await createRolloutClient(storage).write(rollout);
  await createRolloutClient(storage).write({
    ...rollout,
    metadata: { ...rollout.metadata!, name: "other" },
    to: undefined,
  });
  await waitFor(() => groups.size === 2);
  changed.length = 0;
  await createUpstreamClient(storage).write(upstream("shop-2"));
  await waitFor(() => changed.length > 0);
  expect(changed).toEqual(["default/shop"]);
});
