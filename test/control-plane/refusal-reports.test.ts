import { describe, expect, test } from "vitest";
import { refusalProblem } from "../../src/control-plane/refusal-reports.ts";
import { type QuarantinedContent, typeUrls } from "../../src/xds/index.ts";

function content(...nodes: readonly string[]): QuarantinedContent {
  const it = {
    key: "ns~proxy",
    typeUrl: typeUrls.route,
    name: "routes",
    digest: "d",
    origin: "VirtualService/shop/checkout",
  };
  const refusal = { ...it, nodeVersion: "1.30.0", message: "Invalid regex\n  '('", at: 0 };
  return { ...it, servedAs: [it.key], refusals: nodes.map((node) => ({ ...refusal, node })), spread: nodes.length > 1 };
}

const refusedBy = (...nodes: readonly string[]) => [content(...nodes)];

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

  test("counts proxies once where those of different versions are given different contents, and says so", () => {
    const [newer, older] = [content("envoy-1", "envoy-2"), content("envoy-3")];
    const contents = [
      { ...newer, spread: false },
      { ...older, digest: "e", servedAs: [`${older.key} (before Envoy 1.37)`] },
    ];
    expect(refusalProblem(contents, 40)).toMatchObject({
      severity: "warning",
      message:
        "refused by 3 of 40 proxies of ns~proxy: Invalid regex '(' (their last good version stays in force; " +
        "Envoys of different versions are given different contents, each of which counts by itself)",
    });
  });

  test("concerns nobody where the origin isn't known", () => {
    expect(refusalProblem([{ ...content("envoy-1"), origin: undefined }], 1).sources).toEqual([]);
  });
});
