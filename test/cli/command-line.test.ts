import { describe, expect, it } from "vitest";
import { findCommand, readInput } from "../../src/cli/command-line.ts";
import { rootCommand } from "../../src/cli/commands.ts";

function parse(...words: string[]) {
  const found = findCommand(rootCommand, words);
  const { values, arguments: rest } = readInput(found);
  return { command: found.path.map(({ name }) => name).join(" "), values: Object.fromEntries(values), rest };
}

describe("a command line", () => {
  it("takes options before, between and behind the names of a command", () => {
    expect(parse("--use-consul", "add", "-n", "other", "route", "--path-exact=/a", "-u", "x")).toEqual({
      command: "epoxy add route",
      values: { "use-consul": true, namespace: "other", "path-exact": "/a", "dest-name": "x" },
      rest: [],
    });
  });

  it("knows commands by their aliases", () => {
    expect(parse("create", "us", "static", "x").command).toBe("epoxy create upstream static");
  });

  it("reads -n=x as -n x, and --flag=false as the flag left out", () => {
    expect(parse("get", "vs", "-n=x", "--use-consul=false").values).toEqual({ namespace: "x", "use-consul": false });
  });

  it("splits lists at commas, but not in double quotes, and adds up repeated ones", () => {
    const { values } = parse("add", "route", "-m", "GET,PUT", "-m", "POST", "-d", '"a=1,2",b=""');
    expect(values).toEqual({ method: ["GET", "PUT", "POST"], header: ["a=1,2", 'b=""'] });
  });

  it("hands all that follows codegen on as it is", () => {
    expect(parse("codegen", "--check", "--template", "x.yaml")).toEqual({
      command: "epoxy codegen",
      values: {},
      rest: ["--check", "--template", "x.yaml"],
    });
  });

  it.each([
    [["add", "route", "-x", "1.5"], 'option -x needs a whole number, found "1.5"'],
    [["add", "route", "-x", "-1"], 'option -x needs a whole number, found "-1"'],
    [["get", "vs", "--namespace"], "option --namespace needs a value: --namespace NAMESPACE"],
    [["get", "vs", "-n", "--json"], "option -n needs a value: -n NAMESPACE"],
    [["get", "vs", "--json=maybe"], 'option --json takes no value (only true or false), found "maybe"'],
    [["get"], "KIND is missing: epoxy get KIND"],
    [["version", "x"], 'unexpected argument "x"'],
    [["get", "vs", "--dirr", "x"], "unknown option --dirr of epoxy get"],
    [["create", "upstreem"], 'unknown command "create upstreem"'],
  ])("says what is wrong with %j", (words, message) => {
    expect(() => parse(...words)).toThrow(message);
  });
});
