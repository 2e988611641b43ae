import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findOrFetch } from "../../scripts/binaries.ts";
import { createBed, epoxy } from "./support/epoxy.ts";

const run = promisify(execFile);

describe("epoxy proxy bootstrap", () => {
  it.each([
    [""],
    [" --delta --role edge --xds-address epoxy.internal:9977 -o json"],
    [" --sotw --xds-address [::1]:9977 --admin-port 0"],
    [" --tls --xds-address epoxy.internal:9977 --tls-ca DIR/ca.pem"],
    [" --tls --tls-ca DIR/ca.pem --tls-cert DIR/ca.pem --tls-key DIR/key.pem --tls-name 127.0.0.1"],
    [" --tls --tls-ca DIR/ca.pem --token-file DIR/ca.pem"],
    [" --tls --tls-ca DIR/ca.pem --token-env HOME"],
  ])("`bootstrap%s` is accepted by Envoy", async (options) => {
    await using bed = await createBed();
    const { stdout: pair } = await run("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout - -days 2".split(" "),
    ]);
    await bed.write("ca.pem", pair.slice(pair.indexOf("-----BEGIN CERTIFICATE")));
    await bed.write("key.pem", pair.slice(0, pair.indexOf("-----BEGIN CERTIFICATE")));
    const { code, stdout, stderr } = await epoxy(`proxy bootstrap${options}`.replaceAll("DIR", bed.dir).split(" "));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const file = join(bed.dir, "envoy.yaml");
    await writeFile(file, stdout);
    const envoy = await run(await findOrFetch("envoy"), ["--mode", "validate", "-c", file]);
    expect(envoy.stdout + envoy.stderr).toContain("OK");
    // What Envoy may only do when it runs: no deprecated field is used.
    expect(envoy.stderr).not.toContain("deprecated");
  });

  it("asks for what changed only, unless it is told to ask for the state of the world", async () => {
    const delta = parse((await epoxy(["proxy", "bootstrap"])).stdout);
    expect(delta.dynamic_resources.ads_config.api_type).toBe("DELTA_GRPC");
    expect(delta.node.metadata.role).toBe("gloo-system~gateway-proxy");
    // Or Envoy takes a quarter of a millisecond more for each cluster.
    expect(delta.deferred_stat_options).toEqual({ enable_deferred_creation_stats: true });
    const sotw = parse((await epoxy(["proxy", "bootstrap", "--sotw", "--role", "other~edge"])).stdout);
    expect(sotw.dynamic_resources.ads_config.api_type).toBe("GRPC");
    expect(sotw.node.metadata.role).toBe("other~edge");
  });

  it.each([
    ["--delta --sotw", "give --delta or --sotw, not both"],
    ["--role a~b~c", 'option --role needs <namespace>~<proxy>, such as gloo-system~gateway-proxy, found "a~b~c"'],
    ["--xds-address x", 'option --xds-address needs host:port, such as 127.0.0.1:9977, found "x"'],
    ["--tls --tls-cert x", "--tls-cert and --tls-key belong together: give both"],
    ["--token-file x --token-env y", "give --token-file or --token-env, not both"],
  ])("refuses %s", async (line, message) => {
    const { code, stderr } = await epoxy(["proxy", "bootstrap", ...line.split(" ")]);
    expect(code).toBe(2);
    expect(stderr.split("\n")[0]).toBe(`error: ${message}`);
  });
});
