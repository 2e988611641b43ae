import { readFile } from "node:fs/promises";
import { beforeAll, expect, it } from "vitest";
import type { Graph } from "../../src/collections/index.ts";
import { createAuthority } from "../support/certificates.ts";
import { createChain } from "./support/chain.ts";
import { withDerive } from "./support/with-derive.ts";

let pairs: readonly { readonly certChain: string; readonly privateKey: string }[] = [];
beforeAll(async () => {
  await using authority = await createAuthority();
  pairs = await Promise.all(
    ["first", "renewed"].map(async (name) => {
      const { cert, key } = await authority.issue(name);
      return { certChain: await readFile(cert, "utf8"), privateKey: await readFile(key, "utf8") };
    }),
  );
});

const document = (group: string, kind: string, name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name, namespace: "gloo-system" }, spec })}\n---\n`;
const secret = (name: string, pair = 0, more: object = {}): string =>
  document("gloo.solo.io", "Secret", name, { tls: { ...pairs[pair], ...more } });
const virtualService = (name: string, cert: string): string =>
  document("gateway.solo.io", "VirtualService", name, {
    sslConfig: { secretRef: { name: cert } },
    virtualHost: { domains: [`${name}.test`], routes: [{ directResponseAction: { status: 200 } }] },
  });
const gateway = document("gateway.solo.io", "Gateway", "tls", {
  ...{ ssl: true, bindAddress: "127.0.0.1", bindPort: 8443, httpGateway: {} },
});

/** Counts what looks for secrets, by the key of the virtual host. */
function counting(): { readonly asked: string[]; readonly observe: (graph: Graph) => Graph } {
  const asked: string[] = [];
  const observe = (graph: Graph): Graph => {
    const derive: Graph["derive"] = (name, input, fn, options) =>
      graph.derive(
        name,
        input,
        (value, key, lookup, previous) => {
          if (name === "envoy/virtual-host-tls-problems") asked.push(key);
          return fn(value, key, lookup, previous);
        },
        options,
      );
    return withDerive(graph, derive);
  };
  return { asked, observe };
}

it("a Secret that comes, goes, breaks or is mended is told to those that name it, and nobody else is asked again", () => {
  const { asked, observe } = counting();
  const chain = createChain({}, undefined, observe);
  const reasonOf = (name: string): string =>
    chain.statuses.get("VirtualService")?.get(`gloo-system/${name}`)?.status.reason ?? "";
  const step = (change: () => void): string[] => {
    asked.length = 0;
    change();
    return [...asked];
  };
  chain.apply(gateway + virtualService("a", "cert-a") + virtualService("b", "cert-b") + secret("cert-b"));
  const missing = "SSL secret not found: list did not find secret gloo-system.cert-a (sslConfig.secretRef)";
  expect(reasonOf("a")).toContain(missing);
  expect(reasonOf("b")).not.toContain("SSL secret");
  const ofA = [expect.stringMatching(/gloo-system\.a$/) as unknown];
  expect(step(() => chain.apply(secret("cert-a")))).toEqual(ofA);
  expect(reasonOf("a")).not.toContain("SSL secret");
  expect(step(() => chain.apply(secret("cert-a", 1)))).toEqual([]);
  expect(step(() => chain.apply(secret("cert-a", 1, { privateKey: pairs[0]?.privateKey })))).toEqual(ofA);
  expect(reasonOf("a")).toContain(
    "SSL secret gloo-system.cert-a can't be used: tls.privateKey: the private key doesn't",
  );
  expect(step(() => chain.apply(secret("cert-a", 1)))).toEqual(ofA);
  expect(step(() => chain.remove("Secret", "cert-a"))).toEqual(ofA);
  expect(reasonOf("a")).toContain(missing);
});

it("a stored Proxy is told of its listener's Secret with the path there", () => {
  const chain = createChain();
  const httpListener = { virtualHosts: [{ name: "all", domains: ["*"], routes: [] }] };
  const listener = {
    ...{ name: "l", bindAddress: "127.0.0.1", bindPort: 8443, httpListener },
    sslConfigurations: [{ secretRef: { name: "gone", namespace: "gloo-system" } }],
  };
  chain.apply(document("gloo.solo.io", "Proxy", "stored", { listeners: [listener] }));
  expect(chain.statuses.get("Proxy")?.get("gloo-system/stored")?.status.reason).toContain(
    "SSL secret not found: list did not find secret gloo-system.gone (listeners[0].sslConfigurations[0].secretRef)",
  );
});
