import { expect, test } from "vitest";
import { regexMatcher } from "../../src/envoy/regex-rewrite.ts";
import { translateYaml, virtualHostYaml } from "./support/input.ts";
import { validateWithEnvoy } from "./support/validate.ts";
import { literalPrefix, regexFault, substitutionFault } from "../../src/envoy/checks/regex.ts";

test.each([["/users/[0-9]+"], ["(?i)/a|/b"], ["/(?P<name>[^/]+)/x"], ["\\pL+"], ["a{1000}"]])(
  "%s is a regex of RE2",
  (regex) => {
    expect(regexFault(regex, undefined)).toBeUndefined();
  },
);

test.each([
  ["/a(?=b)", "(?="],
  ["/a(?<!b)", "(?<"],
  ["(a)\\1", "\\1"],
  ["a++", "++"],
  ["(", "missing closing )"],
  ["a{1001}", "{1001}"],
  ["(?:[^/]{1000}){6}", "repeat"],
  ["\\pL{900}", "too large"],
  ["a".repeat(9000), "longer than 8192"],
])("%s is none, and the message shows where", (regex, fragment) => {
  expect(regexFault(regex, undefined)).toContain(fragment);
});

test("the settings' limit on the program is honoured", () => {
  expect(regexFault("/abc", 100)).toBeUndefined();
  expect(regexFault("/abc", 3)).toContain("the settings allow 3");
});

test.each([
  ["/users/[0-9]+", "/users/"],
  ["^/users/.*", "/users/"],
  ["/a\\.b/(?=x)", "/a.b/"],
  ["/abc*", "/ab"],
  ["/abc?d", "/ab"],
  ["/abc{0,2}", "/ab"],
  ["/abc+", "/abc"],
  ["/a|/b", ""],
  ["(?i)/a", ""],
  ["/a\\d", "/a"],
  ["/a\\", "/a"],
  ["", ""],
])("everything that %s matches starts with %j", (regex, prefix) => {
  expect(literalPrefix(regex)).toBe(prefix);
});

test("a substitution may name the groups that there are, and escaped backslashes", () => {
  expect(substitutionFault("/(a)/(b)", "\\2-\\1-\\0-\\\\")).toBeUndefined();
  expect(substitutionFault("/(a)", "\\2")).toContain("the regex has 1");
  expect(substitutionFault("/(a)", "x\\")).toContain("followed by a digit");
  expect(substitutionFault("/(a)", "\\n")).toContain("followed by a digit");
});

test("a real Envoy accepts every regex that is let through, up to the largest", async () => {
  const regexes = [
    "/a",
    "/abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz/abcdef",
    "/[a-z]{80}",
    "/[a-z]{85}[0-9]*",
    "/(?:a|b|c){40}",
    "[^/]{12}",
    "[^/]{999}[^x]{999}[^y]{999}[^z]{999}[^a]{900}",
    "\\pL",
    "\\pL{12}",
    "/[^/]+/[^/]+",
    "/a/.*",
    "[[:^alpha:]]",
    "\\w\\W\\D",
    "[a-cx-z0-37-9]{8}",
    "\\PL{190}",
    "(?i)\\p{Greek}{190}",
    ".{1000}.{1000}.{1000}.{1000}",
    "(?i)/sk{60}",
    "é{90}",
    "\\D{1000}\\W{1000}\\S{1000}",
    "\\w{80}\\.\\d{5}",
  ];
  const routes = regexes.map(
    (regex) => `- {matchers: [{regex: ${JSON.stringify(regex)}}], directResponseAction: {status: 200}}`,
  );
  const { virtualHosts } = translateYaml(virtualHostYaml(routes.join("\n")));
  expect(virtualHosts[0]?.problems).toEqual([]);
  expect(await validateWithEnvoy({ virtualHosts: virtualHosts.flatMap(({ virtualHost }) => virtualHost ?? []) })).toBe(
    undefined,
  );
});

test("a plain regex goes to Envoy without the deprecated limit", () => {
  expect(regexMatcher("/users/[0-9]+").engineType).toBeUndefined();
  expect(regexMatcher("/users/.{90}").engineType).toBeDefined();
});
