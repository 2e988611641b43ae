import { spawn } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { cleanEnv, createBed, epoxy, epoxyCommand } from "./support/epoxy.ts";

const upstream = (name: string, port = 80) => `
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: ${name}, namespace: gloo-system}
spec: {static: {hosts: [{addr: 127.0.0.1, port: ${port}}]}}
`;

describe("epoxy apply", () => {
  it("creates, changes, and leaves alone what is so already", async () => {
    await using bed = await createBed();
    const first = await bed.run("apply -f -", { input: `${upstream("a")}---${upstream("b")}` });
    expect(first).toEqual({
      code: 0,
      stdout: "upstream gloo-system.a created\nupstream gloo-system.b created\n",
      stderr: "",
    });
    const dry = await bed.run("apply -f - --dry-run", { input: `${upstream("a")}---${upstream("b", 81)}` });
    expect(dry.stdout).toBe(
      "upstream gloo-system.a unchanged (dry run)\nupstream gloo-system.b configured (dry run)\n",
    );
    const again = await bed.run("apply -f - --json", { input: `${upstream("a")}---${upstream("b", 81)}` });
    expect(JSON.parse(again.stdout)).toEqual([
      { kind: "Upstream", namespace: "gloo-system", name: "a", result: "unchanged" },
      { kind: "Upstream", namespace: "gloo-system", name: "b", result: "configured" },
    ]);
    expect((await bed.run("get us b -o yaml")).stdout).toContain("port: 81");
  });

  it("takes folders and keeps comments and statuses of what is stored", async () => {
    await using bed = await createBed({
      "config/upstreams/gloo-system/a.yaml":
        "# keep me\nmetadata: {name: a, namespace: gloo-system}\nstatic: {hosts: [{addr: x, port: 1}]}\nstatus: {state: Accepted, reportedBy: gloo}\n",
    });
    await using files = await createBed({ "deep/er/a.yaml": upstream("a"), "b.yml": upstream("b"), "notes.txt": "no" });
    const { code, stdout } = await bed.run(`apply -f ${files.dir}`);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "upstream gloo-system.b created\nupstream gloo-system.a configured\n",
    });
    const stored = await bed.read("config/upstreams/gloo-system/a.yaml");
    expect(stored).toMatch(/^# keep me\n/);
    expect(stored).toContain("state: Accepted");
    expect(stored).toContain("addr: 127.0.0.1");
  });

  it("writes nothing if any file has a fault", async () => {
    await using bed = await createBed();
    const text = `${upstream("a")}---${upstream("b").replace("static", "statc")}`;
    const { code, stderr } = await bed.run("apply -f -", { input: text });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: standard input:10:\d+: spec\.statc: unknown field: did you mean "static"\?\n$/);
    expect(JSON.parse((await bed.run("get us --json")).stdout)).toEqual([]);
    expect(await bed.run("apply")).toMatchObject({ code: 2 });
  });

  it("doesn't put an old version over a newer one, unless it is forced to", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    const old = (await bed.run("get us a -o kube-yaml")).stdout;
    await bed.run("apply -f -", { input: upstream("a", 81) });
    const changed = old.replace("port: 80", "port: 82");
    const { code, stderr } = await bed.run("apply -f -", { input: changed });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: Upstream gloo-system\.a was changed since the version in the file: .*--force\n$/);
    expect(await bed.run("apply -f - --force", { input: changed })).toMatchObject({
      code: 0,
      stdout: "upstream gloo-system.a configured\n",
    });
  });

  it("loses no resource when many apply at once", async () => {
    await using bed = await createBed();
    const results = await Promise.all(
      [81, 82, 83, 84].map((port) => bed.run("apply -f -", { input: upstream("a", port) })),
    );
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(results.filter(({ stdout }) => stdout.endsWith("created\n"))).toHaveLength(1);
  });
});

describe("epoxy diff", () => {
  it("shows what apply would change, in the unified format, and tells by its exit code", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    expect(await bed.run("diff -f -", { input: upstream("a") })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await bed.run("diff -f -", { input: upstream("a", 81) })).toEqual({
      code: 1,
      stdout: `\
--- stored upstream gloo-system.a
+++ given upstream gloo-system.a
@@ -7,4 +7,4 @@
   static:
     hosts:
     - addr: 127.0.0.1
-      port: 80
+      port: 81
`,
      stderr: "",
    });
    const fresh = await bed.run("diff -f -", { input: upstream("b") });
    expect(fresh.stdout).toMatch(/^--- stored upstream gloo-system\.b\n.*\n@@ -0,0 \+1,10 @@\n\+apiVersion:/);
  });

  it("shows no secret, but says that one differs", async () => {
    await using bed = await createBed();
    await bed.run("create secret oauth login --client-secret before");
    const changed = (await bed.run("create secret oauth login --client-secret after --dry-run")).stdout;
    const { code, stdout } = await bed.run("diff -f -", { input: changed });
    expect(code).toBe(1);
    expect(stdout).toContain("only secret values differ");
    expect(stdout).not.toContain("after");
    expect((await bed.run("diff -f - --show-secrets", { input: changed })).stdout).toContain(
      "+    clientSecret: after",
    );
  });
});

describe("epoxy edit", () => {
  /** An editor that runs a script on the file `$1`. */
  async function editor(dir: string, script: string): Promise<Record<string, string>> {
    const path = join(dir, "editor.sh");
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return { EDITOR: path };
  }

  it("stores what is saved", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    const env = await editor(bed.dir, `sed -i 's/port: 80/port: 99/' "$1"`);
    expect(await bed.run("edit us a", { env })).toEqual({
      code: 0,
      stdout: "upstream gloo-system.a configured\n",
      stderr: "",
    });
    expect((await bed.run("get us a -o yaml")).stdout).toContain("port: 99");
    expect(await bed.run("edit us a", { env })).toMatchObject({
      code: 0,
      stdout: "upstream gloo-system.a unchanged\n",
    });
  });

  it("opens again with the faults and their lines, as often as it takes", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    const script = `
if grep -q '^#!' "$1"; then cp "$1" ${bed.dir}/seen; sed -i 's/statc/static/; s/port: 80/port: 99/' "$1"
else sed -i 's/static/statc/' "$1"; fi`;
    const { code, stdout } = await bed.run("edit us a", { env: await editor(bed.dir, script) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "upstream gloo-system.a configured\n" });
    const seen = await readFile(join(bed.dir, "seen"), "utf8");
    const line = Number(/line (\d+): spec\.statc: unknown field: did you mean "static"\?/.exec(seen)?.[1]);
    expect(seen.split("\n")[line - 1]).toBe("  statc:");
    expect((await bed.run("get us a -o yaml")).stdout).not.toContain("#!");
  });

  it("keeps a text that can't be stored", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    const env = await editor(bed.dir, `sed -i 's/static/statc/' "$1"`);
    const { code, stderr } = await bed.run("edit us a", { env });
    expect(code).toBe(1);
    const kept = /Your text is in (\S+)$/m.exec(stderr)?.[1] ?? "";
    expect(await readFile(kept, "utf8")).toContain("statc:");
  });

  it("loses neither text where somebody else was faster", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    const faster = `${epoxyCommand.join(" ")} apply -f - --dir ${bed.dir} <<'END'\n${upstream("a", 81)}\nEND`;
    const env = await editor(bed.dir, `${faster}\nsed -i 's/port: 80/port: 99/' "$1"`);
    const { code, stderr } = await bed.run("edit us a", { env });
    expect(code).toBe(1);
    const kept = /Your text is in (\S+):/.exec(stderr)?.[1] ?? "";
    expect(await readFile(kept, "utf8")).toContain("port: 99");
    expect((await bed.run("get us a -o yaml")).stdout).toContain("port: 81");
  });

  it("says which editor failed", async () => {
    await using bed = await createBed();
    await bed.run("apply -f -", { input: upstream("a") });
    const { code, stderr } = await bed.run("edit us a", { env: { EDITOR: "false" } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the editor \(false\) ended with code 1: nothing is stored/);
  });
});

describe("epoxy get", () => {
  it("selects by labels", async () => {
    await using bed = await createBed();
    const labelled = (name: string, team: string) =>
      upstream(name).replace("namespace:", `labels: {team: ${team}}, namespace:`);
    await bed.run("apply -f -", { input: `${labelled("a", "x")}---${labelled("b", "y")}---${upstream("c")}` });
    const names = async (selector: string) => {
      const { stdout } = await epoxy(["get", "us", "--json", "-l", selector, "--dir", bed.dir]);
      return (JSON.parse(stdout) as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    };
    expect(await names("team=x")).toEqual(["a"]);
    expect(await names("team in (x, y)")).toEqual(["a", "b"]);
    expect(await names("!team")).toEqual(["c"]);
    expect(await epoxy(["get", "us", "-l", "team in (", "--dir", bed.dir])).toMatchObject({ code: 2 });
  });

  it("watches until it is interrupted", async () => {
    await using bed = await createBed({ "config/upstreams/gloo-system/.keep": "" });
    await bed.run("apply -f -", { input: upstream("a") });
    const [node, ...words] = [...epoxyCommand, "get", "us", "--watch", "--json", "--dir", bed.dir];
    const child = spawn(node, words, { env: cleanEnv(), stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ended = new Promise((resolve) => child.once("close", resolve));
    const events = () =>
      output
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { type: string; object: { metadata: { name: string } } })
        .map(({ type, object }) => `${type} ${object.metadata.name}`);
    try {
      await waitFor(() => events().length === 1);
      await bed.run("apply -f -", { input: `${upstream("a", 81)}---${upstream("b")}` });
      await waitFor(() => events().length === 3);
      await bed.run("delete us a");
      await waitFor(() => events().length === 4);
    } finally {
      child.kill("SIGINT");
    }
    expect(await ended).toBe(130);
    expect(events()).toEqual(["added a", "changed a", "added b", "deleted a"]);
  });
});
