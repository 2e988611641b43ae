import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { httpGet } from "../support/http-get.ts";
import { startChild } from "../support/child.ts";
import { waitFor } from "../support/wait-for.ts";
import { cleanEnv, createBed, epoxy, epoxyCommand } from "./support/epoxy.ts";

const free = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];

async function start(dir: string, args: readonly string[] = []) {
  const [command, main] = epoxyCommand;
  const child = startChild(command, [main, "serve", "--dir", dir, ...free, ...args], { env: cleanEnv() });
  const line = await waitFor(
    () => {
      if (child.ended() !== undefined) throw new Error(`it has ended: ${child.output()}`);
      return child
        .output()
        .split("\n")
        .find((text) => text.includes('"msg":"serving dir'));
    },
    { timeout: 15_000 },
  );
  return { child, places: JSON.parse(line) as { readonly xds: string; readonly admin: string; readonly dir: string } };
}

describe.concurrent("epoxy serve", () => {
  it("says where it listens, puts resources in force, and ends in order on SIGTERM and SIGINT", async () => {
    await using bed = await createBed();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { child, places } = await start(bed.dir);
      await using _ = child;
      expect(places).toMatchObject({ dir: bed.dir, xds: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
      expect((await httpGet(`${places.admin}/healthz`)).status).toBe(200);
      const name = signal.toLowerCase();
      await bed.run(`create upstream static ${name} --static-hosts 127.0.0.1:80`);
      await bed.run(`add route --name ${name} -e /x -u ${name}`);
      const state = await waitFor(
        async () => /\| (Accepted|Rejected|Warning) /.exec((await bed.run("get us " + name)).stdout)?.[1],
      );
      expect(state).toBe("Accepted");
      process.kill(child.pid, signal);
      expect(await waitFor(() => child.ended())).toBe("0");
      expect(child.output()).not.toContain("    at ");
    }
  });

  it("logs for people with --log-format pretty, without colours where there is no terminal", async () => {
    await using bed = await createBed();
    const [command, main] = epoxyCommand;
    await using child = startChild(command, [main, "serve", "--dir", bed.dir, ...free, "--log-format", "pretty"], {
      env: cleanEnv(),
    });
    await waitFor(() => /INFO: serving dir/.exec(child.output()), { timeout: 15_000 });
    expect(child.output()).not.toContain("\u001b[");
  });

  it.each([
    ["no endpoint for traces is set", {}],
    ["OpenTelemetry is switched off", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: "true" }],
  ])("loads no SDK of OpenTelemetry where %s", async (_, env) => {
    await using bed = await createBed();
    const tellLoaded = `data:text/javascript,import { registerHooks } from "node:module";
      registerHooks({ load(url, context, next) { if (url.includes("node_modules")) console.log("loaded " + url); return next(url, context); } });`;
    const [command, main] = epoxyCommand;
    const args = ["--import", tellLoaded, main, "serve", "--dir", bed.dir, ...free];
    await using child = startChild(command, args, { env: cleanEnv(env) });
    await waitFor(() => child.output().includes('"msg":"serving dir'), { timeout: 15_000 });
    const loaded = child
      .output()
      .split("\n")
      .filter((line) => line.startsWith("loaded "));
    expect(loaded.join("\n")).toContain("grpc-js");
    // prom-client loads the API by itself.
    expect(loaded.filter((line) => /@opentelemetry\/(?!api\/)/.test(line))).toEqual([]);
  });

  it("says which port is taken, and exits 1", async () => {
    await using bed = await createBed();
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
    const address = `127.0.0.1:${(taken.address() as { readonly port: number }).port}`;
    const { code, stderr } = await epoxy([
      "serve",
      "--dir",
      bed.dir,
      "--xds-address",
      address,
      "--admin-address",
      "none",
    ]);
    taken.close();
    expect(code).toBe(1);
    const error = stderr.split("\n").find((line) => line.startsWith("error: "));
    expect(error).toContain(address);
    expect(error).toContain("EADDRINUSE");
  });

  it("names the field of Settings that can't be used, and exits 1", async () => {
    await using bed = await createBed({
      "gloo-system/default.yaml": "metadata: {name: default, namespace: gloo-system}\ngloo: {xdsBindAddr: nonsense}\n",
    });
    const { code, stderr } = await bed.run("serve --admin-address none");
    expect(code).toBe(1);
    expect(stderr).toContain('error: gloo.xdsBindAddr: "nonsense" is no address');
  });

  it.each([
    ["--only gatway", 'option --only can\'t be "gatway": did you mean gateway?'],
    ["--admin-address 1", 'option --admin-address needs host:port, such as 127.0.0.1:9977, found "1"'],
    ["--use-consul", "where resources are is said in the Settings: set consulKvSource there (and consul.address)"],
  ])("refuses %s", async (line, message) => {
    const { code, stderr } = await epoxy(["serve", ...line.split(" ")]);
    expect(code).toBe(2);
    expect(stderr.split("\n")[0]).toBe(`error: ${message}`);
  });
});
