import { describe, expect, it } from "vitest";
import { createBed } from "./support/epoxy.ts";

const routes = `
  - matchers: [{prefix: /}]
    routeAction: {single: {upstream: {name: a}}}
  - matchers: [{prefix: /api}]   # keep me
    routeAction: {single: {upstream: {name: b}}}
  - matchers: [{exact: /api/x}]
    routeAction: {single: {upstream: {name: c}}}
  - matchers: [{regex: '/api/.*'}]
    routeAction: {single: {upstream: {name: d}}}
`;
const order = (yaml: string) => [...yaml.matchAll(/name: ([a-d])\b/g)].map(([, name]) => name).join("");

describe("epoxy route sort", () => {
  it("puts the most specific routes of a virtual service first", async () => {
    const path = "config/virtualservices/gloo-system/shop.yaml";
    await using bed = await createBed({
      [path]: `metadata: {name: shop, namespace: gloo-system}\nvirtualHost:\n  domains: ['*']\n  routes:${routes}`,
    });
    const dry = await bed.run("route sort --dry-run");
    expect(order(dry.stdout)).toBe("cdba");
    expect(order(await bed.read(path))).toBe("abcd");
    expect(await bed.run("route sort --name shop --json")).toMatchObject({ code: 0, stderr: "" });
    expect(order(await bed.read(path))).toBe("cdba");
    // What was reported as unreachable is reached now.
    expect((await bed.run("check")).stdout).not.toContain("unreachable");
  });

  it("sorts a route table", async () => {
    await using bed = await createBed();
    const created = await bed.run("create routetable docs --weight 3 --labels team=docs --json");
    expect(JSON.parse(created.stdout)).toMatchObject([{ metadata: { labels: { team: "docs" } }, weight: 3 }]);
    for (const [prefix, name] of [
      ["/a/b", "b"],
      ["/a", "a"],
    ]) {
      await bed.run(`add route --to-route-table --name docs --path-prefix ${prefix} --dest-name ${name}`);
    }
    expect(order((await bed.run("get rt docs -o yaml")).stdout)).toBe("ab");
    expect(await bed.run("route sort --route-table --name docs")).toMatchObject({ code: 0 });
    expect(order((await bed.run("get rt docs -o yaml")).stdout)).toBe("ba");
    expect(await bed.run("route sort --route-table")).toMatchObject({ code: 2 });
    expect(await bed.run("route sort --name none")).toMatchObject({ code: 1 });
  });
});
