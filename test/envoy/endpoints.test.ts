import { expect, test } from "vitest";
import { translateEndpoints } from "../../src/envoy/index.ts";

const blue = { address: "10.0.0.1", port: 80, labels: { tag_green: "0", tag_blue: "1" } };
const green = { address: "10.0.0.2", port: 80, weight: 5, hostname: "green.internal" };

test("equal endpoints in another order, with labels in another order, are the same bytes", () => {
  const reordered = { ...blue, labels: { tag_blue: "1", tag_green: "0" } };
  expect(translateEndpoints("pets", [green, reordered]).bytes).toEqual(translateEndpoints("pets", [blue, green]).bytes);
});

test("labels become the metadata that subsets choose by", () => {
  const [locality] = translateEndpoints("pets", [blue, green]).assignment.endpoints;
  expect(locality?.lbEndpoints).toMatchObject([
    { metadata: { filterMetadata: { "envoy.lb": { tag_blue: "1", tag_green: "0" } } } },
    { loadBalancingWeight: 5, hostIdentifier: { value: { hostname: "green.internal" } } },
  ]);
});

test("no endpoints are an empty assignment", () => {
  expect(translateEndpoints("pets", []).assignment).toMatchObject({ clusterName: "pets", endpoints: [] });
});

test.each([
  [{ address: "pets.internal", port: 80 }],
  [{ address: "10.0.0.3", port: 0 }],
  [{ address: "10.0.0.3", port: 65_536 }],
  [{ address: "10.0.0.3", port: 80, weight: 0 }],
])("%j is left out and named, so that Envoy takes the others", (bad) => {
  const { assignment, rejected } = translateEndpoints("pets", [bad, blue]);
  expect(assignment.endpoints[0]?.lbEndpoints).toHaveLength(1);
  expect(rejected).toEqual([bad]);
});
