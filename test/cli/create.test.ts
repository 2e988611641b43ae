import { describe, expect, it } from "vitest";
import { createBed } from "./support/epoxy.ts";

describe.concurrent("epoxy create", () => {
  it("creates a static upstream and prints it as Gloo does", async () => {
    await using bed = await createBed();
    const line = "create upstream static jsonplaceholder-80 --static-hosts jsonplaceholder.typicode.com:80";
    const { code, stdout } = await bed.run(line);
    expect(code).toBe(0);
    // From Gloo's own tests of its command line.
    expect(stdout).toBe(`\
+--------------------+--------+---------+---------------------------------+
|      UPSTREAM      |  TYPE  | STATUS  |             DETAILS             |
+--------------------+--------+---------+---------------------------------+
| jsonplaceholder-80 | Static | Pending | hosts:                          |
|                    |        |         | -                               |
|                    |        |         | jsonplaceholder.typicode.com:80 |
|                    |        |         |                                 |
+--------------------+--------+---------+---------------------------------+
`);
    expect(await bed.read("config/upstreams/gloo-system/jsonplaceholder-80.yaml")).toBe(`\
metadata:
  name: jsonplaceholder-80
  namespace: gloo-system
static:
  hosts:
  - addr: jsonplaceholder.typicode.com
    port: 80
`);
    const again = await bed.run(line);
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toMatch(/^error: Upstream gloo-system\.jsonplaceholder-80 .*exists/);
  });

  it.each([
    [
      "upstream static s --static-hosts a,[::1]:90 --static-outbound-tls",
      {
        static: {
          hosts: [
            { addr: "a", port: 80 },
            { addr: "::1", port: 90 },
          ],
          useTls: true,
        },
      },
    ],
    [
      "upstream consul c --consul-service pets --consul-service-tags a,b",
      { consul: { serviceName: "pets", serviceTags: ["a", "b"] } },
    ],
    [
      "upstream kube k --kube-service pets --kube-service-port 8080 --kube-service-labels app=pets",
      {
        kube: { serviceName: "pets", serviceNamespace: "default", servicePort: 8080, selector: { app: "pets" } },
      },
    ],
    [
      "upstream pipe p --pipe-path /run/x --service-spec-type grpc",
      { pipe: { path: "/run/x", serviceSpec: { grpc: {} } } },
    ],
    [
      "upstreamgroup u --weighted-upstreams gloo-system.a.b=3",
      { destinations: [{ weight: 3, destination: { upstream: { namespace: "gloo-system", name: "a.b" } } }] },
    ],
    ["virtualservice v", { virtualHost: { domains: ["*"] } }],
    ["vs v --domains a.com,b.com --display-name V", { virtualHost: { domains: ["a.com", "b.com"] }, displayName: "V" }],
    ["secret oauth --name o --client-secret x", { oauth: { clientSecret: "x" } }],
    ["secret apikey k --apikey x --apikey-labels a,b", { apiKey: { apiKey: "x", labels: ["a", "b"] } }],
    ["secret header h --headers a=b=c", { header: { headers: { a: "b=c" } } }],
    ["secret aws w --access-key a --secret-key b", { aws: { accessKey: "a", secretKey: "b" } }],
    ["secret azure z --api-keys _master=k", { azure: { apiKeys: { _master: "k" } } }],
    ["secret authcredentials a --username u --password p", { credentials: { username: "u", password: "p" } }],
  ])("%s", async (line, expected) => {
    await using bed = await createBed();
    const { code, stdout, stderr } = await bed.run(`create ${line} --dry-run -o json`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject([expected]);
  });

  it("writes nothing with --dry-run and prints YAML that can be created", async () => {
    await using bed = await createBed();
    const dry = await bed.run("create secret header backend --headers authorization=s3cret --dry-run");
    expect(dry.stdout).toMatch(/^---\napiVersion: gloo.solo.io\/v1\nkind: Secret\n/);
    expect(JSON.parse((await bed.run("get secret --json")).stdout)).toEqual([]);
    expect(await bed.run("create -f -", { input: dry.stdout })).toMatchObject({ code: 0, stderr: "" });
    expect(await bed.read("secret/secrets/gloo-system/backend.yaml")).toContain("authorization: s3cret");
  });

  it("reads certificates and keys from files", async () => {
    await using bed = await createBed({
      "cert.pem": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
      "key.pem": "-----BEGIN EC PRIVATE KEY-----\ndef\n-----END EC PRIVATE KEY-----\n",
    });
    const files = `--certchain ${bed.dir}/cert.pem --privatekey ${bed.dir}/key.pem`;
    const { code, stdout } = await bed.run(`create secret tls shop ${files}`);
    expect(code).toBe(0);
    expect(stdout).toContain("| shop   | TLS  |");
    const stored = await bed.read("secret/secrets/gloo-system/shop.yaml");
    expect(stored).toContain("BEGIN EC PRIVATE KEY");
    const swapped = await bed.run(
      `create secret tls x --certchain ${bed.dir}/key.pem --privatekey ${bed.dir}/cert.pem`,
    );
    expect(swapped).toMatchObject({ code: 1, stderr: `error: ${bed.dir}/key.pem: found no PEM block "CERTIFICATE"\n` });
    const absent = await bed.run(`create secret tls x --rootca ${bed.dir}/none.pem`);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain(`${bed.dir}/none.pem: can't be read: ENOENT`);
  });

  it.each([
    ["upstream static s", "an upstream needs addresses: --static-hosts HOST:PORT"],
    [
      "upstream static s --static-hosts a:99999",
      'option --static-hosts needs host:port with a port from 1 to 65535, found "a:99999"',
    ],
    ["upstream kube k", "the Service's name is missing: --kube-service NAME"],
    [
      "upstream kube k --kube-service pets --kube-service-port 0",
      "option --kube-service-port needs a port from 1 to 65535, found 0",
    ],
    ["upstream consul c", "the service's name is missing: --consul-service NAME"],
    [
      "upstreamgroup u --weighted-upstreams a=1",
      'option --weighted-upstreams needs namespace.name=weight, found "a=1"',
    ],
    ["virtualservice", "the name is missing: write it behind the command, or after --name"],
    ["vs a --name b", 'two names are given, "a" and --name "b": leave out one'],
    ["secret tls t --certchain x", "--certchain and --privatekey belong together: give both"],
    ["secret encryptionkey e --key short", "--key needs 32 bytes, found 5"],
    ["secret header h --headers a", 'option --headers needs name=value, found "a"'],
    ["", "say what to create: a command (upstream, upstreamgroup, virtualservice, routetable, secret) or -f FILE"],
  ])("refuses `epoxy create %s`", async (line, message) => {
    await using bed = await createBed();
    const { code, stdout, stderr } = await bed.run(`create ${line}`.trim());
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.split("\n")[0]).toBe(`error: ${message}`);
  });

  it("refuses names that can't be names", async () => {
    await using bed = await createBed();
    const { code, stderr } = await bed.run("create vs ../../x");
    expect(code).toBe(1);
    expect(stderr).toContain(`VirtualService can't be named "../../x"`);
  });
});

describe.concurrent("epoxy create -f", () => {
  const upstream = (name: string) => `apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: ${name}}
spec: {static: {hosts: [{addr: a, port: 1}]}}
`;

  it("creates nothing if one document is wrong, and names all that is wrong", async () => {
    await using bed = await createBed({
      "all.yaml": `${upstream("good")}---\n${upstream("bad").replace("hosts", "host")}---\nkind: Upstrem\napiVersion: gloo.solo.io/v1\nmetadata: {name: x}\n`,
    });
    const { code, stdout, stderr } = await bed.run(`create -f ${bed.dir}/all.yaml`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const lines = stderr.trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/all\.yaml:9:\d+: spec\.static\.host: /);
    expect(lines[1]).toMatch(
      /all\.yaml:11:\d+: unknown kind gloo\.solo\.io\/v1 Upstrem: did you mean gloo\.solo\.io\/v1 Upstream\?/,
    );
    expect(JSON.parse((await bed.run("get us --json")).stdout)).toEqual([]);
  });

  it("creates the others if one exists already, and exits 1", async () => {
    await using bed = await createBed();
    await bed.run("create -f -", { input: upstream("a") });
    const { code, stdout, stderr } = await bed.run("create -f -", { input: `${upstream("a")}---\n${upstream("b")}` });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "upstream gloo-system.b created\n" });
    expect(stderr).toMatch(/^error: Upstream gloo-system\.a .*exists/);
  });
});

describe.concurrent("epoxy delete", () => {
  it("deletes by name, tries all, and says what was not there", async () => {
    await using bed = await createBed();
    await bed.run("create vs a");
    await bed.run("create vs b");
    const { code, stdout, stderr } = await bed.run("delete virtualservice a nope b");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "virtualservice a deleted\nvirtualservice b deleted\n" });
    expect(stderr).toContain("VirtualService gloo-system.nope not found");
    expect(JSON.parse((await bed.run("get vs --json")).stdout)).toEqual([]);
    expect(await bed.run("delete vs")).toMatchObject({ code: 2 });
  });
});
