import { type Storage, statusOf } from "epoxy";
import { createGraph } from "epoxy/collections";
import { createUpstreamClient, createUpstreamGroupClient, UpstreamGroupKind, UpstreamKind } from "epoxy/kinds";
import { fromWatch } from "epoxy/snapshot";
import { createMemoryStorage, readYaml, waitFor } from "epoxy/testing";
import { afterEach, expect, test } from "vitest";
import { createRolloutClient, RolloutKind } from "../generated/sdk/index.ts";
import { reportRollouts } from "../src/report-rollouts.ts";
import { rolloutStatuses } from "../src/rollout-statuses.ts";

const ref = { name: "shop", namespace: "default" };
const rollout = (name: string, to: string) =>
  readYaml(
    RolloutKind,
    `metadata: {name: ${name}, namespace: default}
from: {name: shop-1, namespace: default}
to: {name: ${to}, namespace: default}`,
  );
const upstream = (name: string) =>
  readYaml(
    UpstreamKind,
    `metadata: {name: ${name}, namespace: default}\nstatic: {hosts: [{addr: 127.0.0.1, port: 80}]}`,
  );
const group = (name: string, labels = "{made-by: rollouts}") =>
  readYaml(UpstreamGroupKind, `metadata: {name: ${name}, namespace: default, labels: ${labels}}`);
const statusIs = (storage: Storage, state: number, reason: string) =>
  waitFor(async () => {
    const status = statusOf(await createRolloutClient(storage).read(ref), "rollouts");
    return status?.state === state && status.reason.includes(reason);
  });

const stop = new AbortController();
afterEach(() => stop.abort());

test("the status of a rollout says what is missing, that all is there, and that its group is somebody else's", async () => {
  await using storage = createMemoryStorage();
  const errors: Error[] = [];
  const reporting = reportRollouts(storage, stop.signal, (error) => errors.push(error));
  await createRolloutClient(storage).write(rollout("shop", "shop-2"));
  const made = await createUpstreamGroupClient(storage).write(group("shop"));
  await statusIs(storage, 3, "upstream default.shop-1 not found");
  for (const name of ["shop-1", "shop-2"]) await createUpstreamClient(storage).write(upstream(name));
  await statusIs(storage, 1, "");
  const { resourceVersion } = made.metadata!;
  const taken = group("shop", "{}");
  await createUpstreamGroupClient(storage).write(
    { ...taken, metadata: { ...taken.metadata!, resourceVersion } },
    { overwrite: true },
  );
  await statusIs(storage, 2, "its upstream group was made by somebody else");
  stop.abort();
  await reporting;
  expect(errors).toEqual([]);
});

test("nothing is reported by who was stopped before", async () => {
  await using storage = createMemoryStorage();
  const errors: Error[] = [];
  await reportRollouts(storage, AbortSignal.abort(), (error) => errors.push(error));
  expect(errors).toEqual([]);
});

test("a change is looked at for the rollouts that it concerns, and for no other", async () => {
  await using storage = createMemoryStorage();
  for (const name of ["shop", "other"]) {
    await createRolloutClient(storage).write(rollout(name, `${name}-2`));
    await createUpstreamGroupClient(storage).write(group(name));
  }
  const graph = createGraph();
  await using rollouts = fromWatch(graph, "rollouts", createRolloutClient(storage));
  await using upstreams = fromWatch(graph, "upstreams", createUpstreamClient(storage));
  await using groups = fromWatch(graph, "groups", createUpstreamGroupClient(storage));
  const statuses = rolloutStatuses(graph, rollouts.collection, upstreams.collection, groups.collection);
  await graph.whenSynced([statuses]);
  const changed: string[] = [];
  statuses.subscribe((changes) => changed.push(...changes.map(({ key }) => key)));
  await createUpstreamClient(storage).write(upstream("other-2"));
  await waitFor(() => upstreams.collection.size === 1);
  expect(changed).toEqual(["default/other"]);
});
