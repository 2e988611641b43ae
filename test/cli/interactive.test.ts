import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { cleanEnv, createBed, epoxyCommand } from "./support/epoxy.ts";

/** Runs a command on a terminal of its own and answers its questions. */
async function dialogue(words: readonly string[], answers: readonly (readonly [question: string, answer: string])[]) {
  const line = [...epoxyCommand, ...words].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", line, "/dev/null"], { env: cleanEnv() });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  try {
    for (const [question, answer] of answers) {
      await waitFor(() => output.includes(question));
      // What comes after this answer is another question, even one with the same text.
      output = "";
      child.stdin.write(`${answer}\n`);
    }
    return { code: await ended, output };
  } finally {
    child.kill();
  }
}

describe("-i", () => {
  it("asks for what isn't given", async () => {
    await using bed = await createBed();
    const created = await dialogue(
      ["create", "upstream", "static", "-i", "--dir", bed.dir],
      [
        ["Name: ", "cart"],
        ["Addresses", "127.0.0.1:81,127.0.0.1:82"],
      ],
    );
    expect(created.code).toBe(0);
    expect((await bed.run("get us cart -o yaml")).stdout).toMatch(/port: 81\n[^]*port: 82\n/);
    const added = await dialogue(
      ["add", "route", "-i", "--name", "shop", "--dir", bed.dir],
      [
        ["Exactly this path", ""],
        ["Prefix of the paths [/]: ", ""],
        ["Upstream to send", "cart"],
        ["Replace the matched part", "/v1"],
      ],
    );
    expect(added.code).toBe(0);
    const [shop] = JSON.parse((await bed.run("get vs shop --json")).stdout) as { virtualHost: { routes: unknown } }[];
    expect(shop?.virtualHost.routes).toMatchObject([
      { matchers: [{ prefix: "/" }], options: { prefixRewrite: "/v1" } },
    ]);
  });

  it("asks for what each kind needs, again until it is answered", async () => {
    await using bed = await createBed();
    const dir = ["--dir", bed.dir];
    const socket = await dialogue(
      ["create", "upstream", "pipe", "-i", ...dir],
      [
        ["Name: ", ""],
        ["Name: ", "local"],
        ["Path of the Unix socket", "/run/app.sock"],
      ],
    );
    expect(socket.code).toBe(0);
    expect((await bed.run("get us local -o yaml")).stdout).toContain("path: /run/app.sock");
    const group = await dialogue(
      ["create", "upstreamgroup", "-i", ...dir],
      [
        ["Name: ", "canary"],
        ["Upstreams (", "gloo-system.v1=9,gloo-system.v2=1"],
      ],
    );
    expect(group.code).toBe(0);
    expect((await bed.run("get ug canary -o yaml")).stdout).toMatch(/weight: 9\n[^]*weight: 1\n/);
    const table = await dialogue(
      ["create", "routetable", "docs", "-i", ...dir],
      [
        ["Labels", "team=docs"],
        ["lowest first [0]: ", "7"],
      ],
    );
    expect(table.code).toBe(0);
    expect((await bed.run("get rt docs -o yaml")).stdout).toMatch(/team: docs\n[^]*weight: 7\n/);
  });

  it("asks nothing where nobody can answer", async () => {
    await using bed = await createBed();
    const { code, stderr } = await bed.run("create virtualservice -i");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: -i asks questions, and there is no terminal/);
  });
});
