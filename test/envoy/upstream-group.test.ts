import { expect, test } from "vitest";
import { UpstreamGroup } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { checkUpstreamGroup, translationSettings } from "../../src/envoy/index.ts";

const context = {
  settings: translationSettings(undefined),
  upstream: ({ name }: { readonly name: string }) => (name === "pets" ? { valid: true, subsets: [] } : undefined),
  upstreamGroup: () => undefined,
  tlsSecret: () => undefined,
};

const group = (...destinations: readonly (readonly [string, number])[]): UpstreamGroup => ({
  ...UpstreamGroup.fromPartial({ metadata: { name: "canary", namespace: "gloo-system" } }),
  destinations: destinations.map(([name, weight]) => ({
    destination: {
      destinationType: { $case: "upstream", value: { name, namespace: "gloo-system" } },
      destinationSpec: undefined,
      subset: undefined,
    },
    weight,
    options: undefined,
  })),
});

test("a group of upstreams that exist has no problems", () => {
  expect(checkUpstreamGroup(group(["pets", 9], ["pets", 1]), context)).toEqual([]);
});

test("a missing upstream is a warning on the group itself, weights of zero an error", () => {
  expect(checkUpstreamGroup(group(["pets", 9], ["gone", 1]), context)).toMatchObject([
    {
      severity: "warning",
      message: "Route Warning: InvalidDestinationWarning. Reason: *v1.Upstream { gloo-system.gone } not found",
      path: "destinations[1].destination",
      sources: [{ kind: "UpstreamGroup", ref: { name: "canary", namespace: "gloo-system" } }],
    },
  ]);
  expect(checkUpstreamGroup(group(["pets", 0]), context)).toMatchObject([{ severity: "error", path: "destinations" }]);
});
