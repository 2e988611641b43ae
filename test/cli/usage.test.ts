import { spawn } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "../../src/cli/command.ts";
import { findCommand, readInput } from "../../src/cli/command-line.ts";
import { rootCommand } from "../../src/cli/commands.ts";
import { renderHelp } from "../../src/cli/help.ts";
import { describe, expect, it } from "vitest";
import { cleanEnv, createBed, epoxy, epoxyCommand } from "./support/epoxy.ts";

describe.concurrent("epoxy", () => {
  it("prints its help and exits 0", async () => {
    const { code, stdout, stderr } = await epoxy([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("epoxy add route --path-exact /all-pets");
    expect((await epoxy(["help", "add", "route"])).stdout).toContain("Usage:\n  epoxy add route [OPTIONS]");
  });

  it("prints its version, which is the package's", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    expect((await epoxy(["--version"])).stdout).toBe(`epoxy ${version}\n`);
    expect(JSON.parse((await epoxy(["version", "--json"])).stdout)).toEqual({
      epoxy: version,
      node: process.versions.node,
    });
  });

  it.each([
    ["ad route", 'error: unknown command "ad": did you mean add?\nRun "epoxy --help" for help.\n'],
    ["add rout", 'error: unknown command "add rout": did you mean route?\nRun "epoxy add --help" for help.\n'],
    [
      "get upstreams -l =x",
      'error: label selector "=x", column 1: expected a label\'s key\nRun "epoxy get --help" for help.\n',
    ],
    [
      "get upstreams --namespace=",
      'error: option --namespace is empty: name a namespace\nRun "epoxy get --help" for help.\n',
    ],
    ["add", 'error: epoxy add needs a command: one of route\nRun "epoxy add --help" for help.\n'],
    [
      "add route --path-exat /",
      'error: unknown option --path-exat of epoxy add route: did you mean --path-exact?\nRun "epoxy add route --help" for help.\n',
    ],
    [
      "get virtualservce",
      'error: unknown kind "virtualservce": did you mean virtualservice?\nRun "epoxy get --help" for help.\n',
    ],
    ["get us -o jsn", 'error: option -o can\'t be "jsn": did you mean json?\nRun "epoxy get --help" for help.\n'],
    [
      "get us -o toml",
      'error: option -o can\'t be "toml": there are table, wide, yaml, json, kube-yaml\nRun "epoxy get --help" for help.\n',
    ],
  ])("answers `epoxy %s` with what was meant, and exits 2", async (line, stderr) => {
    expect(await epoxy(line.split(" "))).toEqual({ code: 2, stdout: "", stderr });
  });

  it("prints errors as JSON where JSON is asked for", async () => {
    await using bed = await createBed({ "config/upstreams/gloo-system/.keep": "" });
    const { code, stdout, stderr } = await bed.run("get us nope --json");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "not_found", message: expect.stringContaining("Upstream gloo-system.nope not found") },
    });
    expect(JSON.parse((await bed.run("get us --jsn --json")).stderr).error).toMatchObject({ code: "usage" });
  });

  it("doesn't take an absent ./data for an empty one", async () => {
    const { code, stderr } = await epoxy(["get", "vs"], { cwd: await mkdtemp(join(tmpdir(), "epoxy-cli-")) });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "error: there is no folder ./data: name the folder with --dir or EPOXY_DIR, or give --use-consul or --use-kubernetes\n",
    );
  });

  it.each(["get vs", "delete vs default", "check", "remove route --index 0"])(
    "doesn't take a mistyped folder for an empty one: %s",
    async (line) => {
      const folder = join(await mkdtemp(join(tmpdir(), "epoxy-cli-")), "nowhere");
      const { code, stderr } = await epoxy([...line.split(" "), "--dir", folder]);
      expect(code).toBe(1);
      expect(stderr).toBe(`error: there is no folder ${folder}: check --dir and EPOXY_DIR\n`);
    },
  );

  it("ends without a word when its reader has seen enough", async () => {
    await using bed = await createBed();
    const services = Array.from(
      { length: 300 },
      (_, index) => `metadata: {name: vs-${index}, namespace: gloo-system}\n`,
    );
    await Promise.all(
      services.map((text, index) => bed.write(`config/virtualservices/gloo-system/vs-${index}.yaml`, text)),
    );
    const line = `${epoxyCommand.join(" ")} get vs -o yaml --dir ${bed.dir} | head -1`;
    const shell = spawn("sh", ["-c", line], { env: cleanEnv() });
    let output = "";
    for (const stream of [shell.stdout, shell.stderr]) stream.on("data", (text) => (output += text));
    await new Promise((done) => shell.once("close", done));
    expect(output).toBe("---\n");
  });

  it("exits 130 when it is interrupted while it waits", async () => {
    const silent = createServer(() => child.kill("SIGINT"));
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
    const { port } = silent.address() as { readonly port: number };
    const args = ["get", "us", "--use-consul", "--consul-address", `127.0.0.1:${port}`];
    const [command, ...rest] = epoxyCommand;
    const child = spawn(command, [...rest, ...args], { env: cleanEnv(), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
    const code = await new Promise((done) => child.once("close", done));
    silent.close();
    expect({ code, output }).toEqual({ code: 130, output: "" });
  });

  it("loads for `get` neither gRPC nor RxJS, pino, Consul or generated codecs", async () => {
    await using bed = await createBed({
      "config/upstreams/gloo-system/a.yaml":
        "metadata: {name: a, namespace: gloo-system}\nstatic: {hosts: [{addr: a, port: 1}]}\n",
    });
    const hook = join(bed.dir, "hook.mjs");
    await writeFile(
      hook,
      `import { registerHooks } from "node:module";
       const urls = [];
       registerHooks({ load(url, context, next) { urls.push(url); return next(url, context); } });
       process.on("exit", () => process.stderr.write(urls.join("\\n")));`,
    );
    const { stdout, stderr } = await bed.run("get us", { nodeArguments: ["--import", hook] });
    expect(stdout).toContain("| a ");
    const loaded = stderr.split("\n");
    expect(loaded.filter((url) => url.includes("/src/cli/commands/get.ts"))).toHaveLength(1);
    const heavy =
      /node_modules\/(@grpc|rxjs|pino|consul|prom-client|re2js)|\/generated\/(proto|envoy)\/|\/src\/(envoy|xds|gateway|collections|snapshot|consul|discovery)\//;
    expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
  });
});

describe.concurrent("the options' values", () => {
  const files = {
    "a/upstreams/gloo-system/in-a.yaml": "metadata: {name: in-a, namespace: gloo-system}\n",
    "b/upstreams/gloo-system/in-b.yaml": "metadata: {name: in-b, namespace: gloo-system}\n",
  };

  it("come from the command line, else the environment, else the configuration file", async () => {
    await using bed = await createBed(files);
    await bed.write("config.yaml", `dir: ${bed.dir}/a\n`);
    const config = ["-c", join(bed.dir, "config.yaml")];
    const names = async (args: readonly string[], env = {}) => {
      const { stdout, stderr } = await epoxy(["get", "us", "--json", ...args], { env });
      expect(stderr).toBe("");
      return JSON.parse(stdout).map((item: { metadata: { name: string } }) => item.metadata.name);
    };
    expect(await names(config)).toEqual(["in-a"]);
    expect(await names(config, { EPOXY_DIR: join(bed.dir, "b") })).toEqual(["in-b"]);
    expect(await names(["--dir", join(bed.dir, "a")], { EPOXY_DIR: join(bed.dir, "b") })).toEqual(["in-a"]);
  });

  it("are refused where the configuration file is wrong, with its name", async () => {
    await using bed = await createBed({ "config.yaml": "use-consl: true\n" });
    const config = join(bed.dir, "config.yaml");
    const { code, stderr } = await epoxy(["get", "us", "-c", config]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `error: ${config}: unknown option "use-consl": did you mean use-consul?\n`,
    });
  });
});

describe("help", () => {
  const paths = (path: readonly Command[]): (readonly Command[])[] => [
    path,
    ...(path.at(-1)?.commands ?? []).flatMap((child) => paths([...path, child])),
  ];

  it.each(paths([rootCommand]).map((path) => [path.map(({ name }) => name).join(" "), path] as const))(
    "of %s has examples, which are command lines that are understood",
    (name, path) => {
      const help = renderHelp(path);
      const examples = help.split("\nExamples:\n")[1]?.split("\n\n")[0] ?? "";
      expect(examples).toContain(path.length === 1 ? "epoxy " : name);
      for (const { command } of path.at(-1)?.examples ?? []) {
        const line = /(?:^|\s|\()(epoxy .*?)(?: [|&>]|\)|$)/.exec(command)?.[1] ?? "";
        const words = line.match(/'[^']*'|\S+/g)?.slice(1) ?? [];
        expect(() =>
          readInput(
            findCommand(
              rootCommand,
              words.map((word) => word.replaceAll("'", "")),
            ),
          ),
        ).not.toThrow();
      }
    },
  );
});
