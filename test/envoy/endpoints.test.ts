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

test("zones become localities, weighted by their endpoints, and further addresses are tried after the first", () => {
  const inZone = (address: string, zone: string) => ({ address, port: 80, zone });
  const { assignment } = translateEndpoints("pets", [
    inZone("10.0.0.3", "b"),
    { ...inZone("10.0.0.1", "a"), additionalAddresses: ["fd00::1"] },
    inZone("10.0.0.2", "a"),
  ]);
  const address = (value: string) => ({ address: { $case: "socketAddress", value: { address: value } } });
  expect(assignment.endpoints).toMatchObject([
    {
      locality: { zone: "a" },
      loadBalancingWeight: 2,
      lbEndpoints: [
        {
          hostIdentifier: {
            value: { address: address("10.0.0.1"), additionalAddresses: [{ address: address("fd00::1") }] },
          },
        },
        {},
      ],
    },
    { locality: { zone: "b" }, loadBalancingWeight: 1, lbEndpoints: [{}] },
  ]);
});
