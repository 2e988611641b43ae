import { expect, test } from "vitest";
import { createControlPlane } from "../../src/control-plane/index.ts";
import { typeUrls } from "../../src/xds/index.ts";
import { createBed } from "../cli/support/epoxy.ts";
import { connect } from "../xds/support/grpc-client.ts";

const { cluster: CDS, listener: LDS } = typeUrls;
const ns = "namespace: gloo-system";
const gateway = (name: string, port: number) =>
  `{metadata: {name: ${name}, ${ns}}, bindAddress: 127.0.0.1, bindPort: ${port}, httpGateway: {}, proxyNames: [gateway-proxy]}`;

test("with gloo.canary in the Settings a new listener goes to one proxy, and to the other when that has accepted it", async () => {
  await using bed = await createBed({
    "gloo-system/default.yaml": `{metadata: {name: default, ${ns}}, gloo: {canary: {timeout: 60s}}}`,
    "config/gateways/gloo-system/one.yaml": gateway("one", 8080),
    "config/virtualservices/gloo-system/all.yaml": `{metadata: {name: all, ${ns}}, virtualHost: {domains: ["*"], routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}}`,
  });
  const loopback = { host: "127.0.0.1", port: 0 };
  const common = { xdsAddress: loopback, adminAddress: loopback };
  await using running = await createControlPlane({ dataDirectory: bed.dir, ...common });
  await using client = connect(running.xdsAddress?.port ?? 0);
  const open = async (id: string) => {
    const stream = client.stream("delta", { node: { id, metadata: { role: "gloo-system~gateway-proxy" } } });
    stream.send({ typeUrl: LDS });
    const answer = await stream.next();
    expect(Object.keys(answer.versions)).toEqual(["listener-127.0.0.1-8080"]);
    stream.ack(answer);
    return stream;
  };
  const [first, other] = [await open("a"), await open("b")];
  await bed.write("config/gateways/gloo-system/two.yaml", gateway("two", 8081));
  const tried = await first.next();
  expect(Object.keys(tried.versions)).toEqual(["listener-127.0.0.1-8081"]);
  // Had the listener been sent to the other one, too, it would come before the answer to this.
  other.send({ typeUrl: CDS, subscribe: ["none"] });
  expect(await other.next()).toMatchObject({ typeUrl: CDS, removed: ["none"] });
  first.ack(tried);
  expect(Object.keys((await other.next()).versions)).toEqual(["listener-127.0.0.1-8081"]);
});
