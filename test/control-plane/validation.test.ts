import { rootCertificates } from "node:tls";
import { describe, expect, test } from "vitest";
import { kinds, SecretKind } from "../../generated/sdk/index.ts";
import { shortCircuitProblems } from "../../src/control-plane/short-circuits.ts";
import type { AdmissionRequest } from "../../src/control-plane/validation/admission-review.ts";
import { type AdmissionPolicy, admit } from "../../src/control-plane/validation/admit.ts";
import { createChangeJudge } from "../../src/control-plane/validation/judge-change.ts";
import type { KubeObject } from "../../src/kubernetes/index.ts";
import { translationSettings } from "../../src/envoy/index.ts";
import { createRegistry, resourceToJson } from "../../src/resources/index.ts";
import { readSecretObject } from "../../src/storage/kubernetes/index.ts";
import { createChain, registry, resourcesOf } from "./support/chain.ts";

const strict: AdmissionPolicy = { alwaysAccept: false, allowWarnings: true };
const strictest: AdmissionPolicy = { ...strict, allowWarnings: false };
const permissive: AdmissionPolicy = { ...strict, alwaysAccept: true };

/** What an API server would ask, about YAML, of a control plane that has what `apply` gave it. */
function createValidation(policy: AdmissionPolicy = strict) {
  const chain = createChain();
  const wanted = chain.graph.value<boolean>("warn-short-circuits");
  wanted.set(false);
  let now = 0;
  const judge = createChangeJudge({
    graph: chain.graph,
    problems: [
      ...chain.gateway.problems,
      shortCircuitProblems(chain.graph, chain.gateway.virtualHosts, wanted),
      ...chain.envoy.upstreamProblems,
      ...chain.envoy.proxyProblems,
    ],
    sourceOf: (kind) => (registry.byName(kind.kind) === undefined ? undefined : chain.source(kind.kind)),
    watches: (namespace) => namespace !== "elsewhere",
    now: () => now,
  });
  chain.graph.flush();
  const ask = (request: Partial<AdmissionRequest>) =>
    admit(
      { uid: "1", kind: { group: "", version: "", kind: "" }, operation: "CREATE", ...request },
      {
        policy,
        registry: createRegistry(kinds),
        secretKind: SecretKind,
        secretOf: (object) => readSecretObject(SecretKind, object as KubeObject),
        judge,
        watches: (_kind, namespace) => judge.watches(namespace),
        ownProblems: () => [],
      },
    );
  const objectOf = (yaml: string) => {
    const [found] = resourcesOf(yaml);
    const kind = registry.byName(found?.kind ?? "");
    if (found === undefined || kind === undefined) throw new Error("no resource");
    return { kind, object: resourceToJson(kind, found.resource, { shape: "kubernetes" }) as never };
  };
  const kindOf = ({ group, version, kind }: { group: string; version: string; kind: string }) => ({
    group,
    version,
    kind,
  });
  return {
    chain,
    ask,
    pass: (milliseconds: number) => (now += milliseconds),
    warnShortCircuits: (value: boolean) => wanted.set(value),
    create: (yaml: string, more: Partial<AdmissionRequest> = {}) => {
      const { kind, object } = objectOf(yaml);
      return ask({ kind: kindOf(kind), object, namespace: "gloo-system", ...more });
    },
    update: (before: string, after: string, more: Partial<AdmissionRequest> = {}) => {
      const { kind, object } = objectOf(after);
      return ask({ kind: kindOf(kind), operation: "UPDATE", oldObject: objectOf(before).object, object, ...more });
    },
    remove: (kind: string, name: string) => {
      const found = registry.byName(kind);
      if (found === undefined) throw new Error(kind);
      const oldObject = { metadata: { name, namespace: "gloo-system" } };
      return ask({ kind: kindOf(found), operation: "DELETE", name, namespace: "gloo-system", oldObject });
    },
  };
}

const virtualService = (name: string, routes: string, domains = `[${name}.example.com]`): string => `
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: gloo-system}
spec: {virtualHost: {domains: ${domains}, routes: ${routes}}}
`;
const toUpstream = (name: string): string =>
  `[{matchers: [{prefix: /}], routeAction: {single: {upstream: {name: ${name}, namespace: gloo-system}}}}]`;
const answering = "[{directResponseAction: {status: 200}}]";
const upstream = (name: string, port = 8080): string => `
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: ${name}, namespace: gloo-system}
spec: {static: {hosts: [{addr: 127.0.0.1, port: ${port}}]}}
`;
const table = (name: string, routes = answering): string => `
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: ${name}, namespace: gloo-system}
spec: {routes: ${routes}}
`;
const delegating = (matcher: string): string =>
  `[{matchers: [${matcher}], delegateAction: {ref: {name: table, namespace: gloo-system}}}]`;

describe("what Gloo refuses", () => {
  const gateway = `
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: bad, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8081}
`;
  test.each([
    ["a gateway without a type", gateway, "invalid gateway: gateway must contain gatewayType"],
    [
      "a delegating route with methods",
      virtualService("bad", delegating("{prefix: /a, methods: [GET]}, {prefix: /b}")),
      "invalid route: routes with delegate actions must use a prefix matcher",
    ],
    ["an upstream's host without a port", upstream("bad", 0), "port cannot be empty for host"],
  ])("%s is refused with Gloo's words", (_title, yaml, text) => {
    const { create } = createValidation();
    const answer = create(yaml);
    expect(answer?.allowed).toBe(false);
    expect(answer?.status?.message).toContain("resource incompatible with current Gloo snapshot: [");
    expect(answer?.status?.message).toContain(text);
    expect(answer?.status?.details).toMatchObject({ causes: [{ message: expect.stringContaining(text) as unknown }] });
  });

  test("a missing upstream is a warning, which is refused where warnings aren't allowed", () => {
    const text =
      "Route Warning: InvalidDestinationWarning. Reason: *v1.Upstream { gloo-system.does-not-exist } not found";
    const yaml = virtualService("bad", toUpstream("does-not-exist"));
    expect(createValidation(strict).create(yaml)).toEqual({
      uid: "1",
      allowed: true,
      warnings: [expect.stringContaining(text) as unknown],
    });
    const refused = createValidation(strictest).create(yaml);
    expect(refused?.allowed).toBe(false);
    expect(refused?.status?.message).toContain(text);
  });

  test("a permissive webhook lets everything in that can be read, and says what is wrong", () => {
    const { create, ask } = createValidation(permissive);
    expect(create(gateway)).toMatchObject({ allowed: true, warnings: [expect.stringContaining("gatewayType")] });
    const kind = { group: "gateway.solo.io", version: "v1", kind: "VirtualService" };
    const object = {
      apiVersion: "gateway.solo.io/v1",
      kind: "VirtualService",
      metadata: { name: "typo", namespace: "gloo-system" },
      spec: { virtualHoost: {} },
    };
    const answer = ask({ kind, object });
    expect(answer?.allowed).toBe(false);
    expect(answer?.status?.message).toContain("could not unmarshal raw object");
    expect(answer?.status?.message).toContain("virtualHoost");
  });
});

describe("what a change does to others", () => {
  test("a domain that another has is refused, and naming it says whose it is", () => {
    const { chain, create } = createValidation();
    chain.apply(virtualService("first", answering, "[shared.example.com]"));
    const answer = create(virtualService("second", answering, "[shared.example.com]"));
    expect(answer?.status?.message).toContain("domain conflict: the [shared.example.com] domain is present in other");
    expect(answer?.status?.message).toContain("gloo-system.first");
  });

  test("deleting what is in use is refused where warnings aren't allowed, and told where they are", () => {
    const setUp = (policy: AdmissionPolicy) => {
      const run = createValidation(policy);
      run.chain.apply(`${upstream("used")}---${upstream("unused")}---${virtualService("user", toUpstream("used"))}`);
      return run;
    };
    const refused = setUp(strictest).remove("Upstream", "used");
    expect(refused?.allowed).toBe(false);
    expect(refused?.status?.message).toContain(
      "failed validating the deletion of resource namespace: gloo-system name: used",
    );
    expect(refused?.status?.message).toContain("VirtualService gloo-system.user: Route Warning");
    expect(setUp(strictest).remove("Upstream", "unused")).toEqual({ uid: "1", allowed: true });
    expect(setUp(strict).remove("Upstream", "used")).toMatchObject({
      allowed: true,
      warnings: [expect.stringContaining("gloo-system.user")],
    });
  });

  test("a route table is judged by what it does to the virtual services that delegate to it", () => {
    const { chain, update } = createValidation();
    chain.apply(`${table("table")}---${virtualService("user", delegating("{prefix: /}"))}`);
    const broken = table("table", "[{matchers: [{prefix: /a}]}]");
    expect(update(table("table"), broken)?.allowed).toBe(false);
    expect(
      update(table("table"), table("table", "[{matchers: [{prefix: /a}], directResponseAction: {status: 201}}]")),
    ).toEqual({
      uid: "1",
      allowed: true,
    });
  });

  test("what was broken before is nobody's fault: a broken resource can be edited, and mended in steps", () => {
    const { chain, update, create } = createValidation();
    const bad = (path: string) => `{matchers: [{prefix: ${path}}]}`;
    const two = virtualService("broken", `[${bad("/a")}, ${bad("/b")}]`);
    chain.apply(two);
    expect(update(two, virtualService("broken", `[${bad("/b")}]`))?.allowed).toBe(true);
    expect(update(two, virtualService("broken", `[${bad("/a")}, ${bad("/b")}, ${bad("/c")}]`))?.allowed).toBe(false);
    expect(create(virtualService("other", answering))).toEqual({ uid: "1", allowed: true });
  });

  test("asking changes nothing", () => {
    const { chain, create, remove } = createValidation();
    chain.apply(`${upstream("used")}---${virtualService("user", toUpstream("used"))}`);
    const before = chain.cache.dump("gloo-system~gateway-proxy");
    const statuses = chain.statuses.get("VirtualService")?.list();
    create(virtualService("second", answering, "[user.example.com]"));
    remove("Upstream", "used");
    chain.graph.flush();
    expect(chain.cache.dump("gloo-system~gateway-proxy")).toEqual(before);
    expect(chain.statuses.get("VirtualService")?.list()).toEqual(statuses);
  });
});

describe("Secrets with certificates", () => {
  const kind = { group: "", version: "v1", kind: "Secret" };
  const object = (key: string) => ({
    metadata: { name: "cert", namespace: "gloo-system" },
    type: "kubernetes.io/tls",
    data: { "ca.crt": Buffer.from(key).toString("base64") },
  });
  const using = `
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: user, namespace: gloo-system}
spec:
  static: {hosts: [{addr: 127.0.0.1, port: 8080}]}
  sslConfig: {secretRef: {name: cert}}
`;
  const missing = "SSL secret not found: list did not find secret gloo-system.cert";
  const authority = `
apiVersion: gloo.solo.io/v1
kind: Secret
metadata: {name: cert, namespace: gloo-system}
spec: {tls: {rootCa: ${JSON.stringify(rootCertificates[0])}}}
`;
  const setUp = (policy: AdmissionPolicy) => {
    const run = createValidation(policy);
    run.chain.apply(`${authority}---${using}`);
    const ask = (operation: AdmissionRequest["operation"], more: Partial<AdmissionRequest> = {}) =>
      run.ask({ kind, operation, name: "cert", namespace: "gloo-system", oldObject: object("old"), ...more });
    return { ...run, ask };
  };

  test("aren't deleted or broken while an upstream names them, and nothing of them is said", () => {
    const { ask, chain } = setUp(strict);
    expect(ask("DELETE")?.status?.message).toContain(`Upstream gloo-system.user: ${missing} (sslConfig.secretRef)`);
    const broken = ask("UPDATE", { object: object("hidden text") });
    expect(broken?.status?.message).toContain("SSL secret gloo-system.cert can't be used: tls.rootCa: no certificate");
    expect(JSON.stringify(broken)).not.toContain("hidden text");
    expect(ask("UPDATE", { object: { ...object("x"), type: "Opaque", data: {} } })?.status?.message).toContain(missing);
    expect(ask("UPDATE", { object: object("old") })).toEqual({ uid: "1", allowed: true });
    chain.remove("Upstream", "user");
    expect(ask("DELETE")).toEqual({ uid: "1", allowed: true });
  });

  test("are let go with a warning where all is let in, or where the settings take a missing one for a warning", () => {
    const warned = { uid: "1", allowed: true, warnings: [expect.stringContaining(missing) as unknown] };
    expect(setUp(permissive).ask("DELETE")).toEqual(warned);
    const late = setUp(strict);
    late.chain.translation.set({ ...translationSettings(undefined), warnMissingTlsSecret: true });
    late.chain.graph.flush();
    expect(late.ask("DELETE")).toEqual(warned);
    expect(late.ask("UPDATE", { object: object("broken") })?.allowed).toBe(false);
  });
});

describe("changes on their way", () => {
  test("count for those after them, until they arrive or a few seconds have passed", () => {
    const { create, remove, pass } = createValidation(strictest);
    const user = virtualService("user", toUpstream("new"));
    expect(create(user)?.allowed).toBe(false);
    expect(create(upstream("new"), { dryRun: true })?.allowed).toBe(true);
    // A dry run is not on its way.
    expect(create(user)?.allowed).toBe(false);
    expect(create(upstream("new"))?.allowed).toBe(true);
    expect(create(user, { dryRun: true })?.allowed).toBe(true);
    pass(6_000);
    expect(create(user)?.allowed).toBe(false);
    expect(remove("Upstream", "new")).toEqual({ uid: "1", allowed: true });
  });

  test("are forgotten once the watch shows them", () => {
    const { chain, create, remove } = createValidation(strictest);
    expect(create(upstream("new"))?.allowed).toBe(true);
    chain.apply(upstream("new"));
    expect(create(virtualService("user", toUpstream("new")))?.allowed).toBe(true);
    chain.apply(virtualService("user", toUpstream("new")));
    expect(remove("Upstream", "new")?.allowed).toBe(false);
  });
});

describe("what isn't asked about", () => {
  const bad = virtualService("bad", "[{matchers: [{prefix: /a}]}]");
  test.each([
    ["a status", { subResource: "status" }],
    [
      "what has Gloo's annotation to skip validation",
      {
        object: {
          ...(resourceObject(bad) as object),
          metadata: {
            name: "bad",
            namespace: "gloo-system",
            annotations: { "gateway.solo.io/skip_validation": "true" },
          },
        },
      },
    ],
    ["an object whose specification stays as it is", { operation: "UPDATE", oldObject: resourceObject(bad) }],
    ["a kind that isn't ours", { kind: { group: "apps", version: "v1", kind: "Deployment" } }],
    ["a Secret that is new", { kind: { group: "", version: "v1", kind: "Secret" } }],
  ])("%s is let in", (_title, more) => {
    const { create } = createValidation();
    expect(create(bad)?.allowed).toBe(false);
    expect(create(bad, more as Partial<AdmissionRequest>)).toEqual({ uid: "1", allowed: true });
  });

  test("what is written into a namespace that isn't watched is let in with a warning, readable or not; deleted without", () => {
    const { create, ask } = createValidation(strictest);
    const elsewhere = { namespace: "elsewhere" };
    const warnings = [expect.stringContaining("the namespace elsewhere isn't watched") as unknown];
    expect(create(bad, elsewhere)).toEqual({ uid: "1", allowed: true, warnings });
    const kind = { group: "gateway.solo.io", version: "v1", kind: "VirtualService" };
    const typo = { metadata: { name: "typo", ...elsewhere }, spec: { virtualHoost: {} } };
    expect(ask({ kind, object: typo })).toEqual({ uid: "1", allowed: true, warnings });
    const secret = { group: "", version: "v1", kind: "Secret" };
    expect(ask({ kind: secret, operation: "DELETE", name: "a", ...elsewhere })).toEqual({ uid: "1", allowed: true });
  });

  test("before everything is read nobody can tell, and a permissive webhook lets in", () => {
    const waiting = createValidation(strict);
    waiting.chain.source("Upstream").markSynced(false);
    waiting.chain.graph.flush();
    expect(waiting.create(virtualService("a", answering))).toBeUndefined();
    const lax = createValidation(permissive);
    lax.chain.source("Upstream").markSynced(false);
    lax.chain.graph.flush();
    expect(lax.create(virtualService("a", answering))?.allowed).toBe(true);
  });
});

test("warnRouteShortCircuiting makes routes that are never reached warnings, in statuses and before storing", () => {
  const { chain, create, warnShortCircuits } = createValidation(strictest);
  const hidden = virtualService(
    "hidden",
    "[{matchers: [{prefix: /}], directResponseAction: {status: 200}}, {matchers: [{prefix: /a}], directResponseAction: {status: 200}}]",
  );
  chain.apply(virtualService("other", answering));
  expect(create(hidden)?.allowed).toBe(true);
  warnShortCircuits(true);
  chain.graph.flush();
  const answer = create(hidden);
  expect(answer?.allowed).toBe(false);
  expect(answer?.status?.message).toContain("unreachable route: prefix /a is never reached");
});

function resourceObject(yaml: string): unknown {
  const [found] = resourcesOf(yaml);
  const kind = registry.byName(found?.kind ?? "");
  if (found === undefined || kind === undefined) throw new Error("no resource");
  return resourceToJson(kind, found.resource, { shape: "kubernetes" });
}
