import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBed, epoxy } from "./support/epoxy.ts";

const run = promisify(execFile);
const hasShell = (name: string): boolean => {
  try {
    execFileSync(name, ["-c", "true"]);
    return true;
  } catch {
    return false;
  }
};

/** What a shell offers for a line whose last word is being typed; `script` is the file of its completion. */
type Offers = (line: string, script: string, cwd: string) => Promise<readonly string[]>;

const shells: Readonly<Record<string, Offers>> = {
  async bash(line, script, cwd) {
    const words = line.split(" ").map((word) => `'${word}'`);
    const call = `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _epoxy; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["--norc", "-c", `. ${script}\n${call}`], { cwd });
    return stdout.split("\n");
  },
  // An interactive zsh in a terminal of its own, since its completion works nowhere else.
  async zsh(line, script, cwd) {
    const driver = join(import.meta.dirname, "support/complete-in-zsh.zsh");
    const { stdout } = await run("zsh", ["-f", driver, script, `${script}.answers`, line], { cwd, timeout: 20_000 });
    return [...new Set(stdout.split("\n"))].filter((word) => word !== "---");
  },
  async fish(line, script, cwd) {
    const { stdout } = await run("fish", ["--no-config", "-c", `source ${script}; complete -C '${line}'`], { cwd });
    return stdout.split("\n").map((candidate) => candidate.split("\t")[0] ?? "");
  },
};

// A shell that this machine doesn't have can't be asked; bash is everywhere that the project is built.
describe.each(Object.entries(shells).filter(([name]) => name === "bash" || hasShell(name)))(
  "epoxy completion %s",
  (shell, offers) => {
    let folder: string;
    let script: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "epoxy-completion-"));
      script = join(folder, "_epoxy");
      const { code, stdout, stderr } = await epoxy(["completion", shell]);
      if (code !== 0) throw new Error(stderr);
      await writeFile(script, stdout);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));
    const offered = async (line: string, cwd = "/"): Promise<string[]> =>
      (await offers(line, script, cwd)).filter((word) => word !== "").toSorted();

    it("offers all commands", async () => {
      const commands = ["serve", "get", "create", "apply", "check", "validate", "route"];
      expect(await offered("epoxy ")).toEqual(expect.arrayContaining(commands));
    });

    it.each([
      ["epoxy cre", ["create"]],
      ["epoxy create upstream ", ["consul", "kube", "pipe", "static"]],
      ["epoxy get virt", ["virtualhostoptions", "virtualservices"]],
      ["epoxy --dir data get upstreamg", ["upstreamgroups"]],
      ["epoxy get -o ", ["json", "kube-yaml", "table", "wide", "yaml"]],
      ["epoxy get us --sh", ["--show-secrets"]],
      ["epoxy add route --path-", ["--path-exact", "--path-prefix", "--path-regex"]],
      ["epoxy completion ", ["bash", "fish", "zsh"]],
    ])("offers for `%s` %j", async (line, expected) => {
      expect(await offered(line)).toEqual(expected);
    });

    it("offers no names of commands or kinds where a value or a name is due", async () => {
      expect(await offered("epoxy get us ")).toEqual([]);
      expect(await offered("epoxy get --namespace cre")).toEqual([]);
      expect(await offered("epoxy get --namespace get us art")).toEqual([]);
    });

    it("offers files where a file is due", async () => {
      await using bed = await createBed({ "shop.yaml": "", "other.yaml": "" });
      expect(await offered("epoxy apply -f sh", bed.dir)).toEqual(["shop.yaml"]);
      expect(await offered("epoxy validate oth", bed.dir)).toEqual(["other.yaml"]);
    });
  },
);

it("names the shells there are", async () => {
  expect(await epoxy(["completion", "bahs"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean bash?") as unknown,
  });
});
