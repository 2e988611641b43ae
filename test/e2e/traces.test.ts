import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bed, createBed, epoxy } from "../cli/support/epoxy.ts";
import { type RunningEnvoy, startEnvoy } from "../support/envoy.ts";
import { freePorts } from "../support/free-port.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ServeProcess, startServe } from "./support/serve-process.ts";
import { untilServed } from "./support/served.ts";

const SECRET = "MARKED-in-a-secret";
const ROUTES = "config/virtualservices/gloo-system/shop.yaml";

const answering = (body: string): string => `
metadata: {name: shop, namespace: gloo-system}
virtualHost:
  domains: ["*"]
  routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200, body: ${body}}}]
`;
const gateway = (port: number): string => `
metadata: {name: http, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: ${port}
httpGateway: {}
proxyNames: [gateway-proxy]
`;

describe("a change, with a collector of OpenTelemetry and a real Envoy", () => {
  let bed: Bed;
  let receiver: OtlpReceiver;
  let serving: ServeProcess;
  let envoy: RunningEnvoy;
  let port: number;

  beforeAll(async () => {
    const [xdsPort = 0, adminPort = 0, listener = 0] = await freePorts(3);
    port = listener;
    receiver = await startOtlpReceiver();
    bed = await createBed({
      "config/gateways/gloo-system/http.yaml": gateway(port),
      [ROUTES]: answering("first"),
      "secret/secrets/gloo-system/key.yaml": `metadata: {name: key, namespace: gloo-system}\ntls: {certChain: ${SECRET}, privateKey: ${SECRET}}\n`,
    });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY: "50" };
    serving = startServe({ folder: bed.dir, xdsPort, adminPort, env });
    await serving.ready();
    const { stdout } = await epoxy([
      "proxy",
      "bootstrap",
      "--xds-address",
      `127.0.0.1:${xdsPort}`,
      "--node-id",
      "edge-1",
    ]);
    envoy = await startEnvoy({ bootstrap: stdout });
    await untilServed(port, "/", { status: 200, body: "first" });
  });
  afterAll(async () => {
    await envoy?.stop();
    await serving?.stop();
    await receiver?.[Symbol.asyncDispose]();
    await bed?.[Symbol.asyncDispose]();
  });

  it("is one trace from the edited file through derivation and cache to the proxy's ACK", async () => {
    const before = new Set(receiver.spans.map(({ traceId }) => traceId));
    await bed.write(ROUTES, answering("second"));
    await untilServed(port, "/", { status: 200, body: "second" });
    const root = await waitFor(() =>
      receiver.spans.find(
        ({ name, traceId, attributes }) =>
          name === "epoxy.change" && !before.has(traceId) && attributes["epoxy.outcome"] === "accepted",
      ),
    );
    const spans = receiver.spans.filter(({ traceId }) => traceId === root.traceId);
    const one = (name: string): ReceivedSpan => {
      const found = spans.filter((span) => span.name === name);
      expect(found.map((span) => span.name)).toEqual([name]);
      return found[0] as ReceivedSpan;
    };
    const [storage, derive, apply, push] = ["epoxy.storage", "epoxy.derive", "epoxy.apply", "epoxy.push"].map(one) as [
      ReceivedSpan,
      ReceivedSpan,
      ReceivedSpan,
      ReceivedSpan,
    ];
    expect(root.parentSpanId).toBeUndefined();
    expect([storage, derive].map(({ parentSpanId }) => parentSpanId)).toEqual([root.spanId, root.spanId]);
    expect([apply.parentSpanId, push.parentSpanId]).toEqual([derive.spanId, apply.spanId]);
    expect(storage.attributes).toMatchObject({
      "service.name": "epoxy",
      "epoxy.kind": "VirtualService",
      "epoxy.refs": ["gloo-system/shop"],
    });
    expect(apply.attributes).toMatchObject({ "epoxy.role": "gloo-system~gateway-proxy", "epoxy.upserted": 1 });
    expect(push.attributes).toMatchObject({
      "epoxy.node": "edge-1",
      "epoxy.type": expect.stringContaining("RouteConfiguration"),
      "epoxy.outcome": "ack",
    });
    expect(push.events).toEqual(["ack"]);
    const order = [root.start, derive.start, apply.start, push.start, push.end];
    expect(order).toEqual(order.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(storage.start).toBe(root.start);
    expect(storage.events).toEqual(["delivered"]);
    expect(root.end).toBe(push.end);
  });

  it("tells no value of a secret, nor a body", async () => {
    await waitFor(() => receiver.text().includes('"Secret"'));
    expect(receiver.text()).not.toContain("MARKED");
    expect(receiver.text()).not.toContain("first");
  });
});

it("with the endpoint down serve goes on and says so once, and once when it is up", async () => {
  const [xdsPort = 0, adminPort = 0, port = 0, collector = 0] = await freePorts(4);
  await using bed = await createBed({
    "config/gateways/gloo-system/http.yaml": gateway(port),
    [ROUTES]: answering("first"),
  });
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:MARKED@127.0.0.1:${collector}`,
    OTEL_BSP_SCHEDULE_DELAY: "50",
    OTEL_EXPORTER_OTLP_TIMEOUT: "200",
    OTEL_SERVICE_NAME: "mine",
    OTEL_RESOURCE_ATTRIBUTES: "team=edge",
  };
  const serving = startServe({ folder: bed.dir, xdsPort, adminPort, env });
  await using _ = serving;
  await serving.ready();
  const { stdout } = await epoxy(["proxy", "bootstrap", "--xds-address", `127.0.0.1:${xdsPort}`]);
  const envoy = await startEnvoy({ bootstrap: stdout });
  await using _envoy = envoy;
  const timesSaid = (text: string) => serving.output().split(text).length - 1;
  await untilServed(port, "/", { status: 200, body: "first" });
  await waitFor(() => timesSaid("traces don't reach") === 1);
  for (const body of ["second", "third"]) {
    await bed.write(ROUTES, answering(body));
    await untilServed(port, "/", { status: 200, body });
  }
  await using receiver = await startOtlpReceiver(collector);
  await bed.write(ROUTES, answering("fourth"));
  const push = await waitFor(() => receiver.spans.find(({ name }) => name === "epoxy.push"));
  expect(push.attributes).toMatchObject({ "service.name": "mine", team: "edge" });
  await waitFor(() => timesSaid("again") === 1);
  expect(timesSaid("traces don't reach")).toBe(1);
  expect(serving.output()).not.toContain("MARKED");
});
