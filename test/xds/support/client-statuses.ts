import { type ChannelCredentials, Client, credentials, Metadata } from "@grpc/grpc-js";
import { fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { envoyTypes } from "../../../src/xds/rest/envoy-json.ts";

export interface ClientStatus {
  readonly node: { readonly id: string };
  readonly clientScope: string;
  readonly genericXdsConfigs?: readonly {
    readonly typeUrl: string;
    readonly name: string;
    readonly versionInfo?: string;
    readonly configStatus: string;
    readonly clientStatus: string;
    readonly xdsConfig?: unknown;
    readonly errorState?: { readonly details: string; readonly versionInfo: string };
  }[];
}

const service = "/envoy.service.status.v3.ClientStatusDiscoveryService";
const same = (bytes: Buffer): Buffer => bytes;

function type(name: string) {
  const found = envoyTypes().getMessage(`envoy.service.status.v3.${name}`);
  if (found === undefined) throw new Error(`no type ${name}`);
  return found;
}

const encode = (request: JsonObject): Buffer => {
  const message = type("ClientStatusRequest");
  return Buffer.from(toBinary(message, fromJson(message, request, { registry: envoyTypes() })));
};

function decode(bytes: Uint8Array): readonly ClientStatus[] {
  const message = type("ClientStatusResponse");
  const json = toJson(message, fromBinary(message, bytes), { registry: envoyTypes() });
  return ((json as JsonObject)["config"] ?? []) as JsonValue as never;
}

/** Asks an xDS server on loopback for the status of its clients; by one call, and by a stream, which have to agree. */
export async function clientStatuses(
  port: number,
  request: JsonObject,
  metadata = new Metadata(),
  shown: ChannelCredentials = credentials.createInsecure(),
): Promise<readonly ClientStatus[]> {
  const client = new Client(`127.0.0.1:${port}`, shown);
  try {
    const single = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        `${service}/FetchClientStatus`,
        same,
        same,
        encode(request),
        metadata,
        (error, answer) => {
          if (error !== null) reject(error);
          else resolve(answer ?? Buffer.alloc(0));
        },
      );
    });
    const call = client.makeBidiStreamRequest(`${service}/StreamClientStatus`, same, same, metadata);
    const streamed = await new Promise<Buffer>((resolve, reject) => {
      call.on("error", reject);
      call.on("data", resolve);
      call.write(encode(request));
    });
    call.on("error", () => {});
    call.cancel();
    if (decode(single).length !== decode(streamed).length) throw new Error("the stream and the single call differ");
    return decode(single);
  } finally {
    client.close();
  }
}
