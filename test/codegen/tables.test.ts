import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { beforeAll, expect, test } from "vitest";
import type { MessageModel, Model } from "../../codegen/model/model.ts";
import { readModel } from "../../codegen/read/read-model.ts";
import { Cluster } from "../../generated/envoy/envoy/config/cluster/v3/cluster.ts";
import { RouteConfiguration } from "../../generated/envoy/envoy/config/route/v3/route.ts";
import { tables as envoyTables } from "../../generated/envoy/tables.ts";
import { tables } from "../../generated/sdk/index.ts";
import type { MessageType } from "../../src/codegen-v1.ts";
import { repository } from "./compile.ts";

interface TsProtoMessage {
  fromPartial(partial: object): Readonly<Record<string, unknown>>;
  encode(message: unknown): { finish(): Uint8Array };
  decode(input: Uint8Array): unknown;
}

let messages: readonly MessageModel[];

beforeAll(() => {
  const buf = join(repository, "node_modules/.bin/buf");
  const image = execFileSync(buf, ["build", "proto", "--as-file-descriptor-set", "--output", "-#format=binpb"], {
    cwd: repository,
    maxBuffer: 1 << 26,
  });
  const { file } = fromBinary(FileDescriptorSetSchema, image);
  const request = create(CodeGeneratorRequestSchema, { protoFile: file, fileToGenerate: file.map(({ name }) => name) });
  const model: Model = readModel(request);
  messages = [...model.messages.values()].filter(({ typeName }) => /^epoxy\.(?!options\.)/.test(typeName));
});

/** Buffers as the bytes that they hold, so that they can be compared with other byte arrays. */
const plain = (message: Readonly<Record<string, unknown>> = {}): object =>
  Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, value instanceof Uint8Array ? [...value] : value]),
  );

test("every message of our protos has a table whose empty message is that of ts-proto", async () => {
  expect(messages.length).toBeGreaterThan(300);
  for (const { typeName, file, localName } of messages) {
    const module = (await import(`../../generated/proto/${file.replace(/\.proto$/, ".ts")}`)) as Record<
      string,
      TsProtoMessage
    >;
    const expected = module[localName]?.fromPartial({});
    const type = tables.find(typeName);
    const actual = type?.codec.fromPartial({}) as Readonly<Record<string, unknown>>;
    expect({ typeName, message: plain(actual) }).toEqual({ typeName, message: plain(expected) });
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected ?? {}).sort());
  }
});

test("every field of our protos is in its table", () => {
  for (const { typeName, fields } of messages) {
    const actual = tables.message(typeName).fields;
    expect(
      actual.map(({ number, name, jsonName, cardinality, oneof }) => ({ number, name, jsonName, cardinality, oneof })),
    ).toEqual(
      fields.map(({ number, name, jsonName, cardinality, oneof }) => ({
        number,
        name,
        jsonName,
        cardinality,
        oneof: oneof?.localName,
      })),
    );
  }
});

test("what the tables encode of Envoy's messages ts-proto decodes, and the other way round", () => {
  const cluster = {
    name: "petstore",
    connectTimeout: { seconds: 5n, nanos: 0 },
    clusterDiscoveryType: { $case: "type", value: 3 },
    typedExtensionProtocolOptions: { http: { typeUrl: "type.googleapis.com/x", value: Buffer.of(1, 2) } },
    perConnectionBufferLimitBytes: 32768,
    lbPolicy: 1,
    metadata: { filterMetadata: { epoxy: { origin: ["a", { deep: true }], weight: 1.5, none: null } } },
  };
  const routes = {
    name: "listener-8080-routes",
    virtualHosts: [
      {
        name: "default",
        domains: ["*"],
        routes: [
          {
            match: { pathSpecifier: { $case: "prefix", value: "/" }, caseSensitive: false },
            action: { $case: "route", value: { clusterSpecifier: { $case: "cluster", value: "petstore" } } },
          },
        ],
      },
    ],
  };
  const same = (typeName: string, codec: TsProtoMessage, partial: object): void => {
    const type = envoyTables.find(typeName) as MessageType;
    const expected = codec.fromPartial(partial);
    const encoded = type.codec.encode(type.codec.fromPartial(partial)).finish();
    expect(codec.decode(encoded)).toEqual(expected);
    expect(type.codec.encode(type.codec.decode(codec.encode(expected).finish())).finish()).toEqual(encoded);
  };
  same("envoy.config.cluster.v3.Cluster", Cluster as unknown as TsProtoMessage, cluster);
  same("envoy.config.route.v3.RouteConfiguration", RouteConfiguration as unknown as TsProtoMessage, routes);
});

test("a type that no table has is undefined to find, and an error when its fields are asked for", () => {
  expect(tables.find("epoxy.gateway.v1.Nothing")).toBeUndefined();
  expect(() => tables.message("epoxy.gateway.v1.Nothing").fields).toThrow("no message epoxy.gateway.v1.Nothing");
});

test("types are the same objects however they are reached", () => {
  const host = tables.message("epoxy.gateway.v1.VirtualService").fields.find(({ name }) => name === "virtual_host");
  expect(host?.type.kind === "message" && host.type.message).toBe(tables.find("epoxy.gateway.v1.VirtualHost"));
});
