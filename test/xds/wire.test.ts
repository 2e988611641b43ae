import { BinaryWriter } from "@bufbuild/protobuf/wire";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Node } from "../../generated/envoy/envoy/config/core/v3/base.ts";
import {
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../generated/envoy/envoy/service/discovery/v3/discovery.ts";
import { fieldPart, joinedPart, resourceFromParts, typeUrls, xdsPart, xdsPiece } from "../../src/xds/index.ts";
import { decodeDeltaRequest, decodeSotwRequest, encodeDeltaResponse, encodeSotwResponse } from "../../src/xds/wire.ts";
import { encodeAsk, resource } from "./support/messages.ts";

const { cluster: CDS, route: RDS } = typeUrls;

test("reads what generated code writes as a DiscoveryRequest", () => {
  const request = decodeSotwRequest(
    encodeAsk("sotw", { typeUrl: CDS, version: "v1", nonce: "n", names: ["a", "b"], error: "no", node: { id: "e" } }),
  );
  expect(request).toMatchObject({
    typeUrl: CDS,
    versionInfo: "v1",
    responseNonce: "n",
    errorDetail: { code: 13, message: "no" },
    node: { id: "e" },
  });
  expect(request.resourceNames.decode()).toEqual(["a", "b"]);
});

test("reads what generated code writes as a DeltaDiscoveryRequest", () => {
  expect(
    decodeDeltaRequest(
      encodeAsk("delta", {
        typeUrl: CDS,
        nonce: "n",
        subscribe: ["a", "b"],
        unsubscribe: ["c"],
        initial: { d: "1", e: "2" },
      }),
    ),
  ).toEqual({
    typeUrl: CDS,
    responseNonce: "n",
    node: undefined,
    errorDetail: undefined,
    subscribe: ["a", "b"],
    unsubscribe: ["c"],
    initialResourceVersions: new Map([
      ["d", "1"],
      ["e", "2"],
    ]),
  });
});

test("reads a node as Envoy sends it", () => {
  const metadata = {
    role: "gloo-system~gateway-proxy",
    n: 1.5,
    yes: true,
    none: null,
    list: ["a", { deep: [] }],
    __proto__x: 1,
  };
  const node = {
    ...Node.fromPartial({
      id: "envoy-1",
      cluster: "edge",
      locality: { region: "eu", zone: "eu-1", subZone: "rack" },
      userAgentName: "envoy",
    }),
    clientFeatures: ["envoy.lb.does_not_support_overprovisioning"],
    metadata,
    userAgentVersionType: {
      $case: "userAgentBuildVersion" as const,
      value: { version: { majorNumber: 1, minorNumber: 40, patch: 2 }, metadata: undefined },
    },
  };
  const bytes = DiscoveryRequest.encode({ ...DiscoveryRequest.fromPartial({}), node }).finish();
  expect(decodeSotwRequest(bytes).node).toEqual({
    id: "envoy-1",
    cluster: "edge",
    metadata,
    locality: { region: "eu", zone: "eu-1", subZone: "rack" },
    userAgentName: "envoy",
    userAgentVersion: "1.40.2",
    clientFeatures: ["envoy.lb.does_not_support_overprovisioning"],
  });
});

test("a field called __proto__ in the metadata is a field like any other", () => {
  const yes = new BinaryWriter().uint32(32).bool(true).finish();
  const entry = new BinaryWriter().uint32(10).string("__proto__").uint32(18).bytes(yes).finish();
  const struct = new BinaryWriter().uint32(10).bytes(entry).finish();
  const node = new BinaryWriter().uint32(26).bytes(struct).finish();
  const bytes = new BinaryWriter().uint32(18).bytes(node).finish();
  expect(Object.keys(decodeSotwRequest(bytes).node?.metadata ?? {})).toEqual(["__proto__"]);
});

test("metadata that nests without end is refused", () => {
  let value = new BinaryWriter().uint32(8).int32(0).finish();
  for (let i = 0; i < 5000; i++) {
    const list = new BinaryWriter().uint32(10).bytes(value).finish();
    value = new BinaryWriter().uint32(50).bytes(list).finish();
  }
  const entry = new BinaryWriter().uint32(10).string("deep").uint32(18).bytes(value).finish();
  const struct = new BinaryWriter().uint32(10).bytes(entry).finish();
  const node = new BinaryWriter().uint32(26).bytes(struct).finish();
  expect(() => decodeSotwRequest(new BinaryWriter().uint32(18).bytes(node).finish())).toThrow(/nests deeper than 100/);
});

const digest = (...names: string[]) => decodeSotwRequest(encodeAsk("sotw", { names })).resourceNames.digest;

test("a list of names has the same digest if and only if it is the same list", () => {
  expect(digest("a", "b")).toBe(digest("a", "b"));
  expect(new Set([digest(), digest("a"), digest("a", "b"), digest("b", "a"), digest("ab")]).size).toBe(5);
});

test("names that aren't next to each other in the message are all read", () => {
  const bytes = new BinaryWriter().uint32(26).string("a").uint32(34).string(CDS).uint32(26).string("b").finish();
  expect(decodeSotwRequest(bytes).resourceNames.decode()).toEqual(["a", "b"]);
});

test("unknown fields are skipped", () => {
  const bytes = new BinaryWriter().uint32(34).string(CDS).uint32(8002).string("new").uint32(42).string("n").finish();
  expect(decodeSotwRequest(bytes)).toMatchObject({ typeUrl: CDS, responseNonce: "n" });
});

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

test("mutated requests are read or refused, and nothing else", () => {
  const seeds = [
    encodeAsk("sotw", {
      typeUrl: CDS,
      names: ["a", "bc"],
      node: { id: "e", metadata: { role: "r", n: [1, { a: true }] } },
    }),
    encodeAsk("delta", { typeUrl: CDS, subscribe: ["a"], initial: { a: "1" }, error: "no", node: { id: "e" } }),
  ];
  const mutation = fc.record({ at: fc.nat(200), byte: fc.nat(255), cut: fc.nat(200) });
  fc.assert(
    fc.property(fc.constantFrom(...seeds), fc.array(mutation, { minLength: 1, maxLength: 4 }), (seed, mutations) => {
      let bytes = Buffer.from(seed);
      for (const { at, byte, cut } of mutations) {
        if (at < bytes.length) bytes[at] = byte;
        if (cut > 150) bytes = bytes.subarray(0, cut % (bytes.length + 1));
      }
      const outcomes = [
        outcome(() => decodeSotwRequest(bytes).resourceNames.decode()),
        outcome(() => decodeDeltaRequest(bytes).subscribe),
      ];
      expect(outcomes.every((it) => Array.isArray(it) || it instanceof Error)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("writes a DiscoveryResponse that generated code reads, parts joined", () => {
  const pieces = ["120301", "0203"].map((bytes) => xdsPiece(Buffer.from(bytes, "hex")));
  const parts = [xdsPart(Buffer.from("0a0172", "hex")), fieldPart(2, Buffer.of(1, 2)), joinedPart(pieces)];
  const route = resourceFromParts(RDS, "r", parts);
  const body = encodeSotwResponse({
    typeUrl: RDS,
    version: "v",
    nonce: "n",
    resources: [route, resource(RDS, "other", "x".repeat(1000))],
    controlPlane: "epoxy",
  });
  const response = DiscoveryResponse.decode(body);
  expect(response).toMatchObject({ typeUrl: RDS, versionInfo: "v", nonce: "n", controlPlane: { identifier: "epoxy" } });
  expect(response.resources.map(({ typeUrl, value }) => [typeUrl, Buffer.from(value).toString("hex")])).toEqual([
    [RDS, "0a0172120201021203010203"],
    [RDS, Buffer.from(`other=${"x".repeat(1000)}`).toString("hex")],
  ]);
});

test("writes a DeltaDiscoveryResponse that generated code reads", () => {
  const cluster = resource(CDS, "a", "y".repeat(300));
  const body = encodeDeltaResponse({
    typeUrl: CDS,
    version: "v",
    nonce: "n",
    resources: [cluster, resource(CDS, "b")],
    removed: ["c", "d"],
    controlPlane: "epoxy",
  });
  const response = DeltaDiscoveryResponse.decode(body);
  expect(response).toMatchObject({
    typeUrl: CDS,
    systemVersionInfo: "v",
    nonce: "n",
    removedResources: ["c", "d"],
    controlPlane: { identifier: "epoxy" },
  });
  expect(response.resources).toMatchObject([
    { name: "a", version: cluster.version, resource: { typeUrl: CDS } },
    { name: "b", version: resource(CDS, "b").version, resource: { typeUrl: CDS } },
  ]);
  expect(Buffer.from(response.resources[0]?.resource?.value ?? []).toString()).toBe(`a=${"y".repeat(300)}`);
});
