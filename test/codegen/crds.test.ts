import { globSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { kinds, UpstreamKind, VirtualServiceKind } from "../../generated/sdk/index.ts";
import { parseResources, resourceToJson } from "../../src/resources/index.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";

const cluster = useKubeCluster();
const files = globSync("generated/crds/*.yaml").toSorted();
const texts = files.map((file) => readFileSync(file, "utf8"));
const crds: readonly any[] = texts.map((text) => parse(text));
let namespace = "";

beforeAll(async () => {
  await cluster().createCrds(crds);
  namespace = await cluster().namespace();
}, 240_000);

/** The server's answer to a new object; nothing is stored. */
const dryRun = (kind: typeof VirtualServiceKind | typeof UpstreamKind, body: object) =>
  cluster().api(
    "POST",
    `/apis/${kind.group}/${kind.version}/namespaces/${namespace}/${kind.plural}?dryRun=All&fieldValidation=Strict`,
    { apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, metadata: { name: "a" }, ...body },
  );

test("each kind has a definition with its names, but for those that Kubernetes has itself", () => {
  const named = crds.map(({ metadata, spec }) => [metadata.name, spec.names.kind, spec.names.shortNames ?? []]);
  const expected = kinds
    .filter(({ kind }) => kind !== "Secret" && kind !== "Artifact")
    .map((kind) => [`${kind.plural}.${kind.group}`, kind.kind, kind.shortNames]);
  const byName = (a: any[], b: any[]): number => (a[0] < b[0] ? -1 : 1);
  expect(named.toSorted(byName)).toEqual(expected.toSorted(byName));
});

test("all together are small enough for a request, a manifest and the API server's memory", () => {
  for (const text of texts) expect(text.length).toBeLessThan(500_000);
  const written = texts.filter((_, i) => !/prox/.test(files[i] ?? ""));
  expect(written.join("").length).toBeLessThan(1_500_000);
});

test("a table of them shows the columns of `epoxy get`", async () => {
  const service = crds.find(({ metadata }) => metadata.name === "virtualservices.gateway.solo.io");
  expect(service.spec.versions[0].additionalPrinterColumns).toEqual([
    { name: "Display name", type: "string", jsonPath: ".spec.displayName" },
    { name: "Domains", type: "string", jsonPath: ".spec.virtualHost.domains" },
    { name: "Status", type: "string", jsonPath: ".status.statuses.*.state" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ]);
});

const route = { matchers: [{ prefix: "/" }], routeAction: { single: { upstream: { name: "a", namespace: "b" } } } };

describe("the API server", () => {
  test.each([
    ["an unknown field", { virtualHots: {} }, /unknown field "spec.virtualHots"/],
    [
      "an unknown field below",
      { virtualHost: { routes: [{ ...route, option: {} }] } },
      /unknown field "spec.virtualHost.routes\[0\].option"/,
    ],
    [
      "text for a list",
      { virtualHost: { domains: "*" } },
      /spec.virtualHost.domains: Invalid value: "string".*type array/,
    ],
    ["a number for text", { displayName: 5 }, /spec.displayName: Invalid value: "integer"/],
    [
      "a duration without a unit",
      { virtualHost: { routes: [{ ...route, options: { timeout: "15" } }] } },
      /timeout: Invalid value: "15".*should match/,
    ],
    [
      "an enum's unknown value",
      { sslConfig: { parameters: { minimumProtocolVersion: "TLSv9" } } },
      /Unsupported value: "TLSv9".*supported values/,
    ],
    [
      "two fields of a oneof",
      { virtualHost: { routes: [{ matchers: [{ prefix: "/", exact: "/" }] }] } },
      /matchers\[0\].*oneOf/,
    ],
    ["two actions of a route", { virtualHost: { routes: [{ ...route, redirectAction: {} }] } }, /routes\[0\].*oneOf/],
  ])("refuses %s", async (_, spec, expected) => {
    const answer = await dryRun(VirtualServiceKind, { spec });
    expect(answer.body.message).toMatch(expected);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const text = JSON.stringify({
      apiVersion: "gateway.solo.io/v1",
      kind: "VirtualService",
      metadata: { name: "a" },
      spec,
    });
    expect(parseResources(VirtualServiceKind, text, "it").problems).not.toEqual([]);
  });

  test("takes a status in either shape, by the subresource only", async () => {
    const path = `/apis/gateway.solo.io/v1/namespaces/${namespace}/virtualservices`;
    const metadata = { name: "with-status" };
    const status = { statuses: { "gloo-system": { state: "Accepted", subresourceStatuses: { a: { state: 1 } } } } };
    const object = { apiVersion: "gateway.solo.io/v1", kind: "VirtualService", metadata, spec: {}, status };
    expect((await cluster().apiOk("POST", path, object)).status).toBeUndefined();
    const write = (body: object) =>
      cluster().apiOk(
        "PATCH",
        `${path}/with-status/status`,
        { status: body },
        { contentType: "application/merge-patch+json" },
      );
    expect((await write(status)).status).toEqual(status);
    const older = { state: 1, reportedBy: "gateway", subresourceStatuses: { x: { state: 2, reason: "r" } } };
    expect((await write({ ...older, statuses: null })).status).toEqual(older);
  });

  test("takes whatever Epoxy writes of the translator's examples", async () => {
    const registry = new Map<string, any>(kinds.map((kind) => [kind.kind, kind]));
    let count = 0;
    for (const file of globSync("test/envoy/*/*.in.yaml")) {
      for (const document of readFileSync(file, "utf8").split(/^---$/m)) {
        const value = parse(document);
        const kind = registry.get(value?.kind);
        if (kind === undefined || !crds.some(({ spec }) => spec.names.kind === kind.kind)) continue;
        const parsed = parseResources<any>(kind, document, file, { defaultNamespace: namespace });
        for (const { resource } of parsed.documents) {
          const json = resourceToJson(
            kind,
            { ...resource, metadata: { name: "a", namespace } },
            { shape: "kubernetes" },
          );
          const answer = await dryRun(kind, json);
          expect({ file, message: answer.body.message }).toEqual({ file, message: undefined });
          count++;
        }
      }
    }
    expect(count).toBeGreaterThan(50);
  });
});
