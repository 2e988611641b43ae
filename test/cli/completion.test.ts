import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
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

describe("epoxy completion", () => {
  let script = "";
  beforeAll(async () => {
    script = (await epoxy(["completion", "bash"])).stdout;
  });

  /** What bash offers for a line, whose last word is being typed. */
  async function offered(line: string, cwd = "/"): Promise<string[]> {
    const words = line.split(" ").map((word) => `'${word}'`);
    const call = `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _epoxy; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["--norc", "-c", `${script}\n${call}`], { cwd });
    return stdout.split("\n").filter((word) => word !== "");
  }

  it("offers all commands", async () => {
    const commands = ["serve", "get", "create", "apply", "check", "validate", "route"];
    expect(await offered("epoxy ")).toEqual(expect.arrayContaining(commands));
  });

  it.each([
    ["epoxy cre", ["create"]],
    ["epoxy create upstream ", ["static", "consul", "pipe"]],
    ["epoxy get virt", ["virtualhostoptions", "virtualservices"]],
    ["epoxy --dir data get upstreamg", ["upstreamgroups"]],
    ["epoxy get -o ", ["table", "wide", "yaml", "json", "kube-yaml"]],
    ["epoxy get us --sh", ["--show-secrets"]],
    ["epoxy add route --path-", ["--path-exact", "--path-prefix", "--path-regex"]],
    ["epoxy completion ", ["bash", "zsh", "fish"]],
  ])("offers for `%s` %j", async (line, expected) => {
    expect(await offered(line)).toEqual(expected);
  });

  it("offers no names of commands where a value or a name is due", async () => {
    expect(await offered("epoxy get us ")).toEqual([]);
    expect(await offered("epoxy get --namespace cre")).toEqual([]);
  });

  it("offers files where a file is due", async () => {
    await using bed = await createBed({ "shop.yaml": "", "other.yaml": "" });
    expect(await offered("epoxy apply -f sh", bed.dir)).toEqual(["shop.yaml"]);
    expect(await offered("epoxy validate oth", bed.dir)).toEqual(["other.yaml"]);
  });

  it.each(["bash", "zsh", "fish"])("is well formed for %s", async (shell) => {
    const { code, stdout } = await epoxy(["completion", shell]);
    expect(code).toBe(0);
    expect(stdout).toContain("--show-secrets".slice(shell === "fish" ? 2 : 0));
    // Where the shell is installed, it is asked.
    if (hasShell(shell)) await run(shell, ["-n", "-c", stdout]);
  });

  it("names the shells there are", async () => {
    expect(await epoxy(["completion", "bahs"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("did you mean bash?") as unknown,
    });
  });
});
