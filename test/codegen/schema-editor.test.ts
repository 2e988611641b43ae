import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type LanguageServer, startLanguageServer } from "./support/language-server.ts";

// The server loads much: on a busy machine it takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const schemas = pathToFileURL(resolve(import.meta.dirname, "../../generated/schema")).href;
const modeline = (name: string): string => `# yaml-language-server: $schema=${schemas}/${name}.json\n`;

let server: LanguageServer;
beforeAll(async () => {
  server = await startLanguageServer();
});
afterAll(() => server[Symbol.asyncDispose]());

let documents = 0;
const uri = (): string => `file:///tmp/document-${++documents}.yaml`;

const virtualService = `${modeline("virtualservices")}apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: default, namespace: gloo-system}
spec:
  virtualHost:
    domains: ["*"]
    routes:
    - matchers: [{prefix: /}]
      routeAction: {single: {upstream: {name: petstore, namespace: gloo-system}}}
`;

test("an editor has nothing to say of a correct file, in either shape", async () => {
  expect(await server.diagnose(uri(), virtualService)).toEqual([]);
  const bare = `${modeline("upstreams")}metadata: {name: petstore, namespace: gloo-system}\nstatic:\n  hosts: [{addr: a.test, port: 80}]\n`;
  expect(await server.diagnose(uri(), bare)).toEqual([]);
});

test("an editor marks a misspelt field and a value of the wrong type where they are", async () => {
  const typo = virtualService.replace("domains:", "domain:");
  expect(await server.diagnose(uri(), typo)).toEqual([expect.stringMatching(/^7:5 Property domain is not allowed/)]);
  const wrong = virtualService.replace('["*"]', "5");
  expect(await server.diagnose(uri(), wrong)).toEqual([expect.stringMatching(/^7:14 .*array/)]);
  const kind = virtualService.replace("kind: VirtualService", "kind: VirtualServce");
  expect(await server.diagnose(uri(), kind)).toEqual([expect.stringMatching(/^3:7 .*VirtualService/)]);
});

test("an editor shows the proto's comments and offers today's names", async () => {
  const document = uri();
  await server.diagnose(document, virtualService);
  expect(await server.hover(document, 6, 6)).toContain("Host names, as in the Host or");
  const empty = uri();
  await server.diagnose(empty, virtualService.replace(/    domains.*/s, "    "));
  const offered = await server.complete(empty, 6, 4);
  expect(offered).toEqual(expect.arrayContaining(["domains", "routes", "options", "optionsConfigRefs"]));
  expect(offered).not.toContain("options_config_refs");
  expect(offered).not.toContain("virtualHostPlugins");
});

test("one schema serves files of all kinds", async () => {
  const all = virtualService.replace("virtualservices.json", "all.json");
  expect(await server.diagnose(uri(), all)).toEqual([]);
  expect(await server.diagnose(uri(), all.replace("routes:", "route:"))).toEqual([
    expect.stringMatching(/^8:5 Property route is not allowed/),
  ]);
});
