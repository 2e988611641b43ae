import { describe, expect, test } from "vitest";
import { refusalProblem } from "../../src/control-plane/refusal-reports.ts";
import { type QuarantinedContent, typeUrls } from "../../src/xds/index.ts";

function refusedBy(...nodes: readonly string[]): QuarantinedContent {
  const content = {
    key: "ns~proxy",
    typeUrl: typeUrls.route,
    name: "routes",
    digest: "d",
    origin: "VirtualService/shop/checkout",
  };
  const refusal = { ...content, nodeVersion: "1.30.0", message: "Invalid regex\n  '('", at: 0 };
  return { ...content, refusals: nodes.map((node) => ({ ...refusal, node })), spread: nodes.length > 1 };
}

describe("what the status says of a refusal", () => {
  test("names the resource that the part came from, how many refuse it and the proxy's words, on one line", () => {
    expect(refusalProblem(refusedBy("envoy-1"), 40)).toEqual({
      severity: "warning",
      message: "refused by 1 of 40 proxies of ns~proxy: Invalid regex '(' (its last good version stays in force)",
      sources: [{ kind: "VirtualService", ref: { namespace: "shop", name: "checkout" } }],
    });
  });

  test("is an error where no proxy has it, and where it is kept from all that come", () => {
    expect(refusalProblem(refusedBy("envoy-1"), 1).severity).toBe("error");
    expect(refusalProblem(refusedBy("envoy-1", "envoy-2"), 40)).toMatchObject({
      severity: "error",
      message: expect.stringMatching(/^refused by 2 of 40 .*kept from proxies that don't have it yet/),
    });
  });

  test("counts no fewer proxies than refuse, when one of them has gone", () => {
    expect(refusalProblem(refusedBy("envoy-1", "envoy-2"), 1).message).toContain("refused by 2 of 2");
  });

  test("concerns nobody where the origin isn't known", () => {
    expect(refusalProblem({ ...refusedBy("envoy-1"), origin: undefined }, 1).sources).toEqual([]);
  });
});
