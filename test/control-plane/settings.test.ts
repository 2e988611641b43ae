import { describe, expect, it } from "vitest";
import { SettingsKind, SettingsType } from "../../generated/sdk/index.ts";
import type { Settings } from "../../generated/proto/epoxy/gloo/v1/settings.ts";
import { parseHostPort } from "../../src/control-plane/settings/host-port.ts";
import { notHonoured } from "../../src/control-plane/settings/not-honoured.ts";
import { viewSettings } from "../../src/control-plane/settings/settings-view.ts";
import { checkXds, viewXds } from "../../src/control-plane/settings/xds-view.ts";
import { parseResources } from "../../src/resources/index.ts";

function settings(yaml: string): Settings {
  const { documents, problems } = parseResources<Settings>(
    SettingsKind,
    `metadata: {name: default, namespace: gloo-system}\n${yaml}`,
    "default.yaml",
  );
  if (problems.length > 0) throw new AggregateError(problems);
  return documents[0]?.resource as Settings;
}

describe("the settings in force", () => {
  it("are files in the data folder and a loopback xDS address where nothing is said", () => {
    const view = viewSettings(undefined, "/data");
    expect(view).toMatchObject({
      writeNamespace: "gloo-system",
      watchNamespaces: [],
      config: { type: "directory", directory: "/data/config" },
      secrets: [{ type: "directory", directory: "/data/secret" }],
      artifacts: { type: "directory", directory: "/data/artifact" },
      consul: undefined,
      xds: { address: { host: "127.0.0.1", port: 9977 }, tls: undefined, plaintext: false, clients: [] },
    });
  });

  it("are those of Gloo's Consul example", () => {
    const view = viewSettings(
      settings(`
discoveryNamespace: gloo-system
refreshRate: 15s
gloo: {xdsBindAddr: "0.0.0.0:9977"}
consul: {address: "consul:8500", serviceDiscovery: {}}
consulKvSource: {}
consulKvArtifactSource: {}
`),
      "/data",
    );
    expect(view).toMatchObject({
      config: { type: "consul", rootKey: "gloo" },
      artifacts: { type: "consul", rootKey: "gloo" },
      consul: { address: "consul:8500" },
      consulDiscovery: { upstreams: true },
      xds: { address: { host: "0.0.0.0", port: 9977 }, tls: undefined, plaintext: false, clients: [] },
      refreshMs: 15_000,
    });
  });

  it.each([
    ["gloo: {}", undefined],
    ["gloo: {canary: {}}", 10_000],
    ["gloo: {canary: {timeout: 3s}}", 3000],
  ])("let one proxy go first only where they say so: %s", (text, canaryMs) => {
    expect(viewSettings(settings(text), "/data").canaryMs).toBe(canaryMs);
  });

  it("watch the namespace that is written to, whatever others are listed", () => {
    expect(viewSettings(settings("watchNamespaces: [apps]"), "/data").watchNamespaces).toEqual(["apps", "gloo-system"]);
  });

  it("leave out the kind's folder below the directories of secretOptions, as Gloo does", () => {
    const view = viewSettings(settings("secretOptions: {sources: [{directory: {directory: certs}}]}"), "/data");
    expect(view.secrets).toMatchObject([{ directory: "/data/certs", flat: true }]);
  });

  it("send statuses to a side folder where they say so", () => {
    const view = viewSettings(settings("directoryConfigSource: {directory: git, statusDirectory: state}"), "/data");
    expect(view.config).toMatchObject({ directory: "/data/git", statusDirectory: "/data/state" });
  });

  it("choose namespaces of Kubernetes by their labels, beside those that are named", () => {
    const text = `
kubernetesConfigSource: {}
watchNamespaces: [shop]
watchNamespaceSelectors: [{matchLabels: {team: web}, matchExpressions: [{key: env, operator: NotIn, values: [test, dev]}]}]
`;
    expect(viewSettings(settings(text), "/data")).toMatchObject({
      config: { type: "kubernetes" },
      watchNamespaces: [],
      namespaceChoice: { selectors: ["team=web,env notin (test,dev)"], also: ["gloo-system", "shop"] },
    });
  });

  it("name the field that can't be used", () => {
    const selector = "watchNamespaceSelectors: [{matchExpressions: [{key: a, operator: Inn, values: [b]}]}]";
    expect(() => viewSettings(settings(selector), "/data")).toThrow(
      /watchNamespaceSelectors\[0\].matchExpressions: the operator "Inn" is none: use In, NotIn, Exists or DoesNotExist/,
    );
    expect(() => viewSettings(settings('directoryConfigSource: {directory: ""}'), "/data")).toThrow(
      /directoryConfigSource.directory is empty/,
    );
    expect(() => viewSettings(settings('gloo: {xdsBindAddr: "nowhere"}'), "/data")).toThrow(
      /gloo.xdsBindAddr: "nowhere" is no address/,
    );
  });
});

describe("fields that nothing goes by", () => {
  it("are named with their path, and honoured ones are not", () => {
    const given = settings(`
linkerd: true
refreshRate: 5s
devMode: true
gloo: {xdsBindAddr: "127.0.0.1:9977", disableGrpcWeb: true, istioOptions: {enableAutoMtls: true}}
gateway: {readGatewaysFromAllNamespaces: true, validation: {alwaysAccept: true, fullEnvoyValidation: true}}
discovery: {fdsMode: WHITELIST, udsOptions: {enabled: false, watchLabels: {a: b}}}
vaultSecretSource: {address: "http://127.0.0.1:8200"}
secretOptions: {sources: [{directory: {directory: a}}, {vault: {address: "http://127.0.0.1:8200"}}, {kubernetes: {}}]}
`);
    expect(notHonoured(SettingsType, given).toSorted()).toEqual([
      "discovery.fdsMode",
      "gateway.validation.fullEnvoyValidation",
      "gloo.disableGrpcWeb",
      "gloo.istioOptions",
      "linkerd",
      "vaultSecretSource",
    ]);
  });
});

describe("the rate of requests to Kubernetes", () => {
  it.each([
    ["", undefined],
    ["kubernetes: {}", undefined],
    ["kubernetes: {rateLimits: {QPS: 5, burst: 10}}", { qps: 5, burst: 10 }],
    ["kubernetes: {rateLimits: {QPS: 5}}", { qps: 5, burst: 100 }],
    ["kubernetes: {rateLimits: {burst: 10}}", { qps: 50, burst: 10 }],
  ])("%j is %j", (yaml, rate) => {
    const given = settings(yaml);
    expect(viewSettings(given, "/data").kubernetesRate).toEqual(rate);
    expect(notHonoured(SettingsType, given)).toEqual([]);
  });

  it("is refused where it is negative", () => {
    const given = settings("kubernetes: {rateLimits: {QPS: -1}}");
    expect(() => viewSettings(given, "/data")).toThrow(/kubernetes.rateLimits.QPS is -1/);
  });
});

describe("an address", () => {
  it.each([
    ["127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    [":9977", { host: "0.0.0.0", port: 9977 }],
  ])("is read from %s", (text, expected) => {
    expect(parseHostPort(text, "test")).toEqual(expected);
  });

  it.each(["", "80", "::1:80", "a:99999", "a:b"])("is not read from %j", (text) => {
    expect(() => parseHostPort(text, "--xds-address")).toThrow(/--xds-address/);
  });
});

describe("how proxies connect", () => {
  const files = "certFile: tls.crt, keyFile: /etc/tls.key";

  it("has paths from the data folder on, and rules that say what they mean", () => {
    const view = viewXds(
      settings(`
gloo:
  xds:
    tls: {${files}, clientCaFile: ca.crt}
    clients:
    - {san: "spiffe://*", nodeIds: [a-*]}
    - {tokenFile: tokens, roles: [x~y]}
`),
      "/data",
      { tokenFile: "cli-tokens" },
    );
    expect(view).toEqual({
      address: { host: "127.0.0.1", port: 9977 },
      tls: {
        certFile: "/data/tls.crt",
        keyFile: "/etc/tls.key",
        clientCaFile: "/data/ca.crt",
        requireClientCertificate: true,
      },
      plaintext: false,
      clients: [
        { san: "spiffe://*", commonName: undefined, tokenFile: undefined, roles: ["*"], nodeIds: ["a-*"] },
        { san: undefined, commonName: undefined, tokenFile: "/data/tokens", roles: ["x~y"], nodeIds: undefined },
        { tokenFile: "cli-tokens", roles: ["*"] },
      ],
      batching: { quietMs: 0, maxWaitMs: 0 },
      server: { limits: {}, keepaliveMs: undefined, maxConnectionAgeMs: undefined },
    });
    expect(() => checkXds(view)).not.toThrow();
  });

  it.each([
    ["gloo: {xds: {batching: {}}}", { quietMs: 0, maxWaitMs: 0 }],
    ["gloo: {xds: {batching: {quiet: 0.1s}}}", { quietMs: 100, maxWaitMs: 1000 }],
    ["gloo: {xds: {batching: {quiet: 120s}}}", { quietMs: 120_000, maxWaitMs: 600_000 }],
    ["gloo: {xds: {batching: {quiet: 0.1s, maxWait: 0.25s}}}", { quietMs: 100, maxWaitMs: 250 }],
  ])("batches changes as %j says: %j", (yaml, batching) => {
    const given = settings(yaml);
    expect(viewXds(given, "/data").batching).toEqual(batching);
    expect(notHonoured(SettingsType, given)).toEqual([]);
  });

  it("has limits and times, where they are set", () => {
    const { server } = viewXds(
      settings(
        "gloo: {xds: {limits: {streams: 5, admitted: 2}, keepalive: 10s, maxConnectionAge: 3600s, slowAfter: 1s, giveUpAfter: 90s}}",
      ),
      "/data",
    );
    expect(server).toEqual({
      limits: { streams: 5, admitted: 2, slowAfterMs: 1000, closeAfterMs: 90_000 },
      keepaliveMs: 10_000,
      maxConnectionAgeMs: 3_600_000,
    });
  });

  it.each([
    ["gloo: {xds: {batching: {quiet: -1s}}}", /gloo\.xds\.batching\.quiet can't be less than 0s/],
    ["gloo: {xds: {batching: {quiet: 601s}}}", /gloo\.xds\.batching\.quiet can't be longer than 600s/],
    ["gloo: {xds: {batching: {quiet: 1s, maxWait: 601s}}}", /gloo\.xds\.batching\.maxWait can't be longer than 600s/],
    [
      "gloo: {xds: {batching: {quiet: 0.5s, maxWait: 0.2s}}}",
      /batching\.maxWait can't be shorter than .*quiet, which is 0\.5s/,
    ],
    ["gloo: {xds: {batching: {maxWait: 1s}}}", /gloo\.xds\.batching\.maxWait has no effect without .*quiet/],
    ["gloo: {xds: {keepalive: 0s}}", /gloo\.xds\.keepalive has to be longer than 0s/],
    ['gloo: {xdsBindAddr: "0.0.0.0:9977"}', /plain text at 0\.0\.0\.0.*gloo\.xds\.tls.*--xds-plaintext/],
    [`gloo: {xds: {tls: {${files}}, clients: [{san: x}]}}`, /gloo\.xds\.tls\.clientCaFile/],
    ["gloo: {xds: {clients: [{roles: [x]}]}}", /gloo\.xds\.clients\[0\] fits nobody/],
    ["gloo: {xds: {tls: {certFile: x}}}", /gloo\.xds\.tls\.keyFile is missing/],
  ])("refuses %s", (yaml, message) => {
    expect(() => checkXds(viewXds(settings(yaml), "/data"))).toThrow(message);
  });

  it.each([
    ['gloo: {xdsBindAddr: "0.0.0.0:9977", xds: {plaintext: true}}'],
    [`gloo: {xdsBindAddr: "0.0.0.0:9977", xds: {tls: {${files}}}}`],
    ['gloo: {xdsBindAddr: "[::1]:9977"}'],
  ])("takes %s", (yaml) => {
    expect(() => checkXds(viewXds(settings(yaml), "/data"))).not.toThrow();
  });
});
