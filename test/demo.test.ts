import { cp, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Child, startChild } from "./support/child.ts";
import { httpGet } from "./support/http-get.ts";
import { waitFor } from "./support/wait-for.ts";

describe("npm start", () => {
  let temporary: string;
  let occupant: Server | undefined;
  let demo: Child;
  let url: string;
  let file: string;

  /** What the demo printed: the first group of the pattern, or all of it. */
  const printed = async (pattern: RegExp): Promise<string> => {
    const found = await waitFor(() => demo.output().match(pattern) ?? demo.ended(), { timeout: 60_000 });
    if (typeof found === "string") throw new Error(`the demo ended (${found}):\n${demo.output()}`);
    return found[1] ?? found[0];
  };
  const edit = async (from: string, to: string): Promise<void> =>
    writeFile(file, (await readFile(file, "utf8")).replace(from, to));

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), "epoxy-demo-test-"));
    // If somebody else has the port already, that is as good.
    occupant = await new Promise((done) => {
      const server = createServer();
      server.once("error", () => done(undefined));
      server.listen(8080, "127.0.0.1", () => done(server));
    });
    demo = startChild("npm", ["start"], { cwd: join(import.meta.dirname, ".."), env: { TMPDIR: temporary } });
    await printed(/Ctrl-C .*\n/);
    url = await printed(/curl (http:\S+)\/hello/);
    file = await printed(/Edit +(\S+)/);
  }, 120_000);

  afterAll(async () => {
    await demo?.stop();
    occupant?.close();
    await rm(temporary, { recursive: true, force: true });
  });

  it("says that port 8080 is in use, and serves on another", () => {
    expect(demo.output()).toMatch(/port 8080 is in use: Envoy will serve on \d+/);
    expect(url).not.toContain(":8080");
  });

  it("serves the petstore through Envoy as it says", async () => {
    const answer = await httpGet(`${url}/all-pets`);
    expect(answer).toMatchObject({ status: 200, headers: { server: "envoy" } });
    expect(answer.body).toContain('{"id":1,"name":"Dog","status":"available"}');
    expect(await httpGet(`${url}/hello`)).toMatchObject({ status: 200, body: "Hello from Envoy" });
  });

  it("tells when an edited file is served, and it is", async () => {
    await edit("Hello from Envoy", "Edited");
    await printed(/virtualservices\/gloo-system\/default\.yaml: Accepted, served by Envoy after \d+ ms/);
    expect(await httpGet(`${url}/hello`)).toMatchObject({ body: "Edited" });
  });

  it("shows where a broken file is wrong, and that what was good stays", async () => {
    await edit("virtualHost:", "virtualHosts:");
    await printed(
      /virtualservices\/gloo-system\/default\.yaml:\d+:1: virtualHosts: unknown field: .*"virtualHost".*\n.*last good/,
    );
    expect(await httpGet(`${url}/hello`)).toMatchObject({ body: "Edited" });
    await edit("virtualHosts:", "virtualHost:");
    await printed(/virtualservices: no file is broken any more/);
  });

  it("shows what is wrong with a route", async () => {
    await edit("name: petstore", "name: petshop");
    await printed(/default\.yaml: Warning, served by Envoy after \d+ ms\n[^]*gloo-system\.petshop \} not found/);
    expect(await httpGet(`${url}/all-pets`)).toMatchObject({ status: 503 });
  });

  it("says that a deleted file is gone, and how soon one is served that is moved there, however old that is", async () => {
    const aside = join(temporary, "aside");
    await cp(file, aside);
    await utimes(aside, 0, 0);
    await rm(file);
    expect(await printed(/default\.yaml: gone, Envoy follows after (\d+) ms/)).toMatch(/^\d+$/);
    await rename(aside, file);
    const after = await printed(/: gone[^]*default\.yaml: \w+, served by Envoy after (\d+) ms/);
    expect(Number(after)).toBeLessThan(60_000);
  });

  it("leaves nothing behind when it is interrupted", async () => {
    const ports = [...demo.output().matchAll(/127\.0\.0\.1:(\d+)/g)].map((match) => Number(match[1]));
    expect(new Set(ports).size).toBeGreaterThanOrEqual(5);
    process.kill(demo.pid, "SIGINT");
    await waitFor(() => demo.ended(), { timeout: 10_000 });
    expect(demo.output()).toContain("nothing is left behind");
    expect((await readdir(temporary)).filter((name) => name.startsWith("epoxy"))).toEqual([]);
    for (const port of new Set(ports)) {
      await expect(httpGet(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    }
  });
});
