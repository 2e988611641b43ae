import { describe, expect, it } from "vitest";
import { createBed } from "./support/epoxy.ts";

const file = "config/virtualservices/gloo-system/default.yaml";
const allPets = "add route --path-exact /all-pets --dest-name petstore --prefix-rewrite /api/pets";

describe.concurrent("epoxy add route", () => {
  it("creates the virtual service `default` where none serves all domains", async () => {
    await using bed = await createBed({
      "config/virtualservices/gloo-system/shop.yaml":
        "metadata: {name: shop, namespace: gloo-system}\nvirtualHost: {domains: [shop.example.com]}\n",
    });
    const { code, stdout, stderr } = await bed.run(allPets);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`\
+-----------------+--------------+---------+------+---------+-----------------+--------------------------------+
| VIRTUAL SERVICE | DISPLAY NAME | DOMAINS | SSL  | STATUS  | LISTENERPLUGINS |             ROUTES             |
+-----------------+--------------+---------+------+---------+-----------------+--------------------------------+
| default         |              | *       | none | Pending |                 | /all-pets ->                   |
|                 |              |         |      |         |                 | gloo-system.petstore           |
|                 |              |         |      |         |                 | (upstream)                     |
+-----------------+--------------+---------+------+---------+-----------------+--------------------------------+
`);
    expect(await bed.read(file)).toBe(`\
metadata:
  name: default
  namespace: gloo-system
virtualHost:
  domains:
  - "*"
  routes:
  - matchers:
    - exact: /all-pets
    routeAction:
      single:
        upstream:
          name: petstore
          namespace: gloo-system
    options:
      prefixRewrite: /api/pets
`);
  });

  it("adds to the one that serves all domains, first or at --index, and keeps the file's comments", async () => {
    await using bed = await createBed({
      "config/virtualservices/gloo-system/everything.yaml": `\
# Owned by the edge team.
metadata: {name: everything, namespace: gloo-system}
virtualHost:
  domains: ['*'] # all of them
  routes:
  # the old one
  - matchers: [{prefix: /old}]
    directResponseAction: {status: 410}
`,
    });
    await bed.run("add route -p /first -u a");
    await bed.run("add route -p /last -u b --index 2");
    const text = await bed.read("config/virtualservices/gloo-system/everything.yaml");
    expect(text).toContain("# Owned by the edge team.\n");
    expect(text).toContain("# all of them\n");
    expect([...text.matchAll(/prefix: (\/\w+)/g)].map((match) => match[1])).toEqual(["/first", "/old", "/last"]);
    const beyond = await bed.run("add route -p /x -u a --index 4");
    expect(beyond).toMatchObject({
      code: 1,
      stderr: "error: VirtualService gloo-system.everything has 3 routes: --index 4 is beyond its end\n",
    });
  });

  it("makes of its options what Gloo makes of them", async () => {
    await using bed = await createBed();
    const line =
      "add route -r /a.* -m get -m POST -d x-b=1.*,x-a -q q=v -u up -s ns -f fn --rest-parameters :path=/users/{id} --dry-run -o json";
    const [{ virtualHost }] = JSON.parse((await bed.run(line)).stdout);
    expect(virtualHost.routes).toEqual([
      {
        matchers: [
          {
            regex: "/a.*",
            headers: [{ name: "x-a" }, { name: "x-b", value: "1.*", regex: true }],
            queryParameters: [{ name: "q", value: "v", regex: true }],
            methods: ["GET", "POST"],
          },
        ],
        routeAction: {
          single: {
            upstream: { name: "up", namespace: "ns" },
            destinationSpec: { rest: { functionName: "fn", parameters: { headers: { ":path": "/users/{id}" } } } },
          },
        },
      },
    ]);
    const aws = JSON.parse((await bed.run("add route -p / -u up -a fn --aws-unescape --dry-run -o json")).stdout);
    expect(aws[0].virtualHost.routes[0].routeAction.single.destinationSpec).toEqual({
      aws: { logicalName: "fn", responseTransformation: true },
    });
    const group = JSON.parse((await bed.run("add route -p / --upstream-group-name g --dry-run -o json")).stdout);
    expect(group[0].virtualHost.routes[0].routeAction).toEqual({
      upstreamGroup: { name: "g", namespace: "gloo-system" },
    });
  });

  it("adds to a route table, which it creates if it is missing", async () => {
    await using bed = await createBed();
    const { code, stdout } = await bed.run("add route --to-route-table --name docs -p /docs --delegate-name inner");
    expect(code).toBe(0);
    expect(stdout).toContain("| docs        | /docs -> gloo-system.inner     | Pending |");
    expect(await bed.read("config/routetables/gloo-system/docs.yaml")).toContain("prefix: /docs");
  });

  it("prints YAML and writes nothing with --dry-run", async () => {
    await using bed = await createBed();
    const { stdout } = await bed.run(`${allPets} --dry-run`);
    expect(stdout).toMatch(/^---\napiVersion: gateway.solo.io\/v1\nkind: VirtualService\n/);
    expect(JSON.parse((await bed.run("get vs --json")).stdout)).toEqual([]);
  });

  it("loses no route when many are added at once", async () => {
    await using bed = await createBed({
      [file]: "# kept\nmetadata: {name: default, namespace: gloo-system}\nvirtualHost: {domains: ['*']}\n",
    });
    const paths = Array.from({ length: 6 }, (_, index) => `/path-${index}`);
    const results = await Promise.all(paths.map((path) => bed.run(`add route -e ${path} -u petstore`)));
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(paths.map(() => ({ code: 0, stderr: "" })));
    const [{ virtualHost }] = JSON.parse((await bed.run("get vs default -o json")).stdout);
    const stored = virtualHost.routes.map((route: { matchers: [{ exact: string }] }) => route.matchers[0].exact);
    expect(stored.toSorted()).toEqual(paths);
    expect(await bed.read(file)).toContain("# kept\n");
  });

  it("creates no second virtual service for all domains while it can't read all that are there", async () => {
    await using bed = await createBed({ "config/virtualservices/gloo-system/main.yaml": "metadata: {name: main\n" });
    const { code, stdout, stderr } = await bed.run(allPets);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("virtualservices/gloo-system/main.yaml:");
    expect((await bed.run(`${allPets} --name default`)).code).toBe(0);
  });

  it.each([
    ["-u petstore", "say which path: --path-exact, --path-prefix or --path-regex"],
    ["-e /a -p /b -u petstore", "give one path only, not --path-exact and --path-prefix"],
    ["-e a -u petstore", 'option --path-exact needs a path that begins with /, found "a"'],
    ["-e /a", "say where to: --dest-name, --upstream-group-name or --delegate-name"],
    ["-e /a -u b --delegate-name c", "give one destination only, not --dest-name and --delegate-name"],
    ["-e /a -u b --to-route-table", "name the route table: --to-route-table --name NAME"],
  ])("refuses `epoxy add route %s`", async (line, message) => {
    await using bed = await createBed();
    const { code, stderr } = await bed.run(`add route ${line}`);
    expect(code).toBe(2);
    expect(stderr.split("\n")[0]).toBe(`error: ${message}`);
  });
});

describe.concurrent("epoxy remove route", () => {
  const two = `\
metadata: {name: default, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes:
  - {matchers: [{exact: /a}], directResponseAction: {status: 200}}
  - {matchers: [{exact: /b}], directResponseAction: {status: 200}}
`;

  it("removes the route at --index, and without it the only one", async () => {
    await using bed = await createBed({ [file]: two });
    const unclear = await bed.run("remove route");
    expect(unclear.code).toBe(2);
    expect(unclear.stderr).toContain(
      "VirtualService gloo-system.default has 2 routes: say which with --index (from 0)",
    );
    expect((await bed.run("remove route -x 0")).stdout).toContain("| /b -> 200 |");
    expect(await bed.read(file)).not.toContain("/a");
    expect((await bed.run("remove route --name default")).code).toBe(0);
    const none = await bed.run("remove route");
    expect(none).toMatchObject({
      code: 1,
      stderr: "error: VirtualService gloo-system.default has 0 routes: there is none at --index 0\n",
    });
  });

  it("creates nothing", async () => {
    await using bed = await createBed();
    const { code, stderr } = await bed.run("remove route --name nope -x 0");
    expect(code).toBe(1);
    expect(stderr).toContain("VirtualService gloo-system.nope not found");
  });
});
