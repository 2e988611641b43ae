import { describe, expect, it } from "vitest";
import { gatewayRig } from "./support/gateway-rig.ts";

const table = (name: string, namespace: string, labels: string) => `
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}
spec: {routes: [{name: ${name}, matchers: [{prefix: /${name}}], directResponseAction: {status: 200}}]}
`;
const tables =
  table("shop", "gloo-system", "app: shop, tier: '1'") +
  table("docs", "gloo-system", "app: docs") +
  table("bare", "gloo-system", "") +
  table("away", "other", "app: shop, tier: '5'") +
  table("odd", "odd", "app: shop, 'app=a': b");

/** The tables that a selector leads to, by the paths of their routes; or the status that is answered in their place. */
function selected(selector: string): string {
  const rig = gatewayRig();
  rig.apply(`
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: default}
spec: {virtualHost: {routes: [{matchers: [{prefix: /}], delegateAction: {selector: {${selector}}}}]}}
${tables}`);
  return rig
    .virtualHost("gloo-system.default")
    .routes.map(({ matchers, action }) => {
      const path = matchers[0]?.pathSpecifier;
      const status = action?.$case === "directResponseAction" ? action.value.status : 0;
      return status === 200 && path?.$case === "prefix" ? path.value.slice(1) : String(status);
    })
    .toSorted()
    .join(" ");
}
const expression = (key: string, operator: string, values = "") =>
  `expressions: [{key: ${key}, operator: ${operator}, values: [${values}]}]`;

describe("a selector of route tables", () => {
  it.each([
    ["labels: {app: shop}", "shop"],
    ["labels: {app: shop, tier: '1'}", "shop"],
    ["labels: {app: shop, tier: '5'}", "503"],
    // All that are in the virtual service's own namespace, unless others are named.
    ["", "bare docs shop"],
    ["namespaces: [other]", "away"],
    ["namespaces: ['*']", "away bare docs odd shop"],
    ["namespaces: [other, gloo-system], labels: {app: shop}", "away shop"],
    ["namespaces: [none]", "503"],
    [expression("app", "Equals", "shop"), "shop"],
    [expression("app", "DoubleEquals", "docs"), "docs"],
    [expression("app", "NotEquals", "shop"), "bare docs"],
    [expression("app", "In", "shop, docs"), "docs shop"],
    [expression("app", "NotIn", "shop"), "bare docs"],
    // A label whose key has an equals sign is none of a label with a shorter key.
    [`namespaces: [odd], ${expression("app", "In", "shop, a=b")}`, "odd"],
    [expression("app", "Exists"), "docs shop"],
    [expression("app", "DoesNotExist"), "bare"],
    [`namespaces: ['*'], ${expression("tier", "GreaterThan", "'2'")}`, "away"],
    [`namespaces: ['*'], ${expression("tier", "LessThan", "'2'")}`, "shop"],
    ["expressions: [{key: app, operator: Exists}, {key: tier, operator: DoesNotExist}]", "docs"],
    // Not both at once, as in Gloo.
    [`labels: {app: shop}, ${expression("tier", "Exists")}`, "500"],
  ])("{%s} finds %s", (selector, expected) => {
    expect(selected(selector)).toBe(expected);
  });
});
