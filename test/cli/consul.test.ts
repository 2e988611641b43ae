import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningConsul, startConsul } from "../support/consul.ts";
import { createBed, epoxy } from "./support/epoxy.ts";

describe("epoxy --use-consul", () => {
  let consul: RunningConsul;
  let locked: RunningConsul;
  beforeAll(async () => {
    [consul, locked] = await Promise.all([startConsul(), startConsul({ acl: true })]);
  });
  afterAll(async () => {
    await Promise.all([consul[Symbol.asyncDispose](), locked[Symbol.asyncDispose]()]);
  });
  const run = (line: string, address = consul.address, env = {}) =>
    epoxy([...line.split(" "), "--use-consul", "--consul-address", address], { env });
  const stored = async (key: string): Promise<string> => (await consul.api("GET", `/v1/kv/${key}?raw`)).body;

  it("creates, prints, changes and deletes at Gloo's keys", async () => {
    expect(await run("create upstream consul petstore --consul-service petstore")).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect((await run("get upstream")).stdout).toBe(`\
+----------+--------+---------+--------------------+
| UPSTREAM |  TYPE  | STATUS  |      DETAILS       |
+----------+--------+---------+--------------------+
| petstore | Consul | Pending | svc name: petstore |
|          |        |         | svc tags: []       |
|          |        |         |                    |
+----------+--------+---------+--------------------+
`);
    const added = await run("add route --path-exact /all-pets --dest-name petstore --prefix-rewrite /api/pets");
    expect(added).toMatchObject({ code: 0, stderr: "" });
    expect(added.stdout).toContain("| default         |              | *       | none | Pending |");
    const value = await stored("gloo/gateway.solo.io/v1/VirtualService/gloo-system/default");
    expect(value).toContain("exact: /all-pets");
    expect((await run("remove route")).code).toBe(0);
    expect(await stored("gloo/gateway.solo.io/v1/VirtualService/gloo-system/default")).not.toContain("/all-pets");
    expect((await run("delete vs default")).stdout).toBe("virtualservice default deleted\n");
    expect(JSON.parse((await run("get vs --json")).stdout)).toEqual([]);
  });

  it("loses no route when many are added at once", async () => {
    const paths = Array.from({ length: 5 }, (_, index) => `/path-${index}`);
    const results = await Promise.all(paths.map((path) => run(`add route --name many -e ${path} -u petstore`)));
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(paths.map(() => ({ code: 0, stderr: "" })));
    const [{ virtualHost }] = JSON.parse((await run("get vs many --json")).stdout);
    expect(virtualHost.routes).toHaveLength(paths.length);
  });

  it("keeps to the root key, and reports a broken value with its key", async () => {
    await consul.api(
      "PUT",
      "/v1/kv/mine/gloo.solo.io/v1/Upstream/gloo-system/a",
      "metadata: {name: a, namespace: gloo-system}\n",
    );
    await consul.api("PUT", "/v1/kv/mine/gloo.solo.io/v1/Upstream/gloo-system/b", "metadata: {nam: b}\n");
    const { code, stdout, stderr } = await run("get us -o json --consul-root-key mine --consul-allow-stale-reads");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([{ metadata: { name: "a" } }]);
    expect(stderr).toContain("mine/gloo.solo.io/v1/Upstream/gloo-system/b:1:");
  });

  it("sends the token of the option or of Consul's environment variable, and says when it is refused", async () => {
    expect(await run(`create vs a --consul-token ${locked.token}`, locked.address)).toMatchObject({
      code: 0,
      stderr: "",
    });
    const withEnv = await run("get vs a --json", locked.address, { CONSUL_HTTP_TOKEN: locked.token });
    expect(JSON.parse(withEnv.stdout)).toMatchObject([{ metadata: { name: "a" } }]);
    const refused = await run("create vs b --consul-token 11111111-1111-1111-1111-111111111111", locked.address);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^error: .*(403|ACL|ermission)/);
  });

  it("takes the address from Settings that keep resources in Consul", async () => {
    await using bed = await createBed({
      "gloo-system/default.yaml": `metadata: {name: default, namespace: gloo-system}\nconsul: {address: "${consul.address}"}\nconsulKvSource: {rootKey: other}\n`,
    });
    expect(await bed.run("create vs from-settings")).toMatchObject({ code: 0, stderr: "" });
    expect(await stored("other/gateway.solo.io/v1/VirtualService/gloo-system/from-settings")).toContain(
      "name: from-settings",
    );
  });

  it("keeps secrets out of Consul", async () => {
    const { code, stderr } = await run("create secret oauth x --client-secret y");
    expect(code).toBe(2);
    expect(stderr).toContain("secrets are not kept in Consul: name the folder of `epoxy serve` with --dir, too");
  });

  it("says that no Consul answers, and where it looked", async () => {
    const { code, stdout, stderr } = await run("get us", "127.0.0.1:1");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: .*127\.0\.0\.1:1/);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});
