import { expect, test } from "vitest";
import { createControlPlane } from "../../src/control-plane/index.ts";
import { typeUrls } from "../../src/xds/index.ts";
import { createBed } from "../cli/support/epoxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { connect } from "../xds/support/grpc-client.ts";

const { cluster: CDS, listener: LDS } = typeUrls;
const ns = "namespace: gloo-system";
const node = { id: "a", metadata: { role: "gloo-system~gateway-proxy" } };
const gateway = (name: string, port: number) =>
  `{metadata: {name: ${name}, ${ns}}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}, proxyNames: [gateway-proxy]}`;
const settings = (gloo: string) => `{metadata: {name: default, ${ns}}, gloo: ${gloo}}`;

test("gloo.xds.batching in the Settings keeps changes after the first one back, and holds as soon as it is changed", async () => {
  await using bed = await createBed({
    "gloo-system/default.yaml": settings("{xds: {batching: {quiet: 300s}}}"),
    "config/gateways/gloo-system/one.yaml": gateway("one", 8080),
    "config/virtualservices/gloo-system/all.yaml": `{metadata: {name: all, ${ns}}, virtualHost: {domains: ["*"], routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}}`,
  });
  const loopback = { host: "127.0.0.1", port: 0 };
  const addresses = { xdsAddress: loopback, adminAddress: loopback };
  await using running = await createControlPlane({ dataDirectory: bed.dir, ...addresses });
  await using client = connect(running.xdsAddress?.port ?? 0);
  const stream = client.stream("delta", { node });
  stream.send({ typeUrl: LDS });
  stream.ack(await stream.next());
  await bed.write("config/gateways/gloo-system/two.yaml", gateway("two", 8081));
  const first = await stream.next();
  expect(Object.keys(first.versions)).toEqual(["listener-127.0.0.1-8081"]);
  stream.ack(first);

  await bed.write("config/gateways/gloo-system/three.yaml", gateway("three", 8082));
  // A client that comes gets what there is.
  await waitFor(async () => {
    await using newcomer = connect(running.xdsAddress?.port ?? 0);
    const fresh = newcomer.stream("delta", { node: { ...node, id: "b" } });
    fresh.send({ typeUrl: LDS });
    return Object.keys((await fresh.next()).versions).includes("listener-127.0.0.1-8082");
  });
  // Had the listener been sent, it would come before the answer to the second of these.
  for (const name of ["none", "neither"]) {
    stream.send({ typeUrl: CDS, subscribe: [name] });
    const answer = await stream.next();
    expect(answer).toMatchObject({ typeUrl: CDS, removed: [name] });
    stream.ack(answer);
  }

  await bed.write("gloo-system/default.yaml", settings("{xds: {batching: {}}}"));
  expect(Object.keys((await stream.next()).versions)).toEqual(["listener-127.0.0.1-8082"]);
});
