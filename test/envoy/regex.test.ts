import { expect, test } from "vitest";
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
