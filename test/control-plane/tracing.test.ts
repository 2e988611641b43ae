import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { traceChanges } from "../../src/control-plane/tracing/trace-changes.ts";
import { type ResponseEvent, resourceFromBytes, type StreamInfo, type XdsResource } from "../../src/xds/index.ts";

const node = { id: "", cluster: "", metadata: {}, locality: undefined, userAgentName: "", userAgentVersion: "" };
const ROLE = "ns~proxy";
const cluster = (name: string): XdsResource => resourceFromBytes("type/Cluster", name, new Uint8Array([1]));

/** Traces into memory, and streams that were there before. */
function setUp() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const traces = traceChanges({ tracer: provider.getTracer("test"), roleOf: (key) => key.split(" ")[0] as string });
  const { xdsEvents } = traces;
  const respond = (id: number, resources: readonly XdsResource[], stream: Partial<StreamInfo> = {}): ResponseEvent => {
    const info: StreamInfo = {
      ...{ id, mode: "delta", peer: "", node: { ...node, clientFeatures: [] }, key: ROLE, openedAt: 0 },
      ...stream,
    };
    const event: ResponseEvent = {
      ...{ stream: info, node: { ...node, id: `node-${id}`, clientFeatures: [] }, key: info.key ?? "" },
      ...{ typeUrl: "type/Cluster", version: "1", resources, removed: [] },
    };
    xdsEvents.onSend?.(event, 10);
    return event;
  };
  const change = (...resources: readonly XdsResource[]) =>
    traces.derive(() => traces.apply(ROLE, { upsert: resources }, () => {}));
  const ended = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  return { traces, xdsEvents, respond, change, ended, refuse };

  function refuse(event: ResponseEvent): void {
    xdsEvents.onNack?.({ ...event, errorDetail: { code: 3, message: "MARKED" } });
  }
}

test("a change that a thousand proxies take has a bounded number of spans, and counts all: who refuses and who is silent is among them", () => {
  const { traces, xdsEvents, respond, change, ended, refuse } = setUp();
  const one = cluster("one");
  change(one);
  const events = Array.from({ length: 1000 }, (_, id) => respond(id, [one]));
  events.slice(0, 998).forEach((event) => xdsEvents.onAck?.(event));
  refuse(events[998] as ResponseEvent);
  traces.close();
  const [root] = ended("epoxy.change");
  expect(root?.attributes).toMatchObject({
    ...{ "epoxy.pushes": 1000, "epoxy.acks": 998, "epoxy.nacks": 1, "epoxy.unanswered": 1 },
    ...{ "epoxy.pushes_without_span": 948, "epoxy.outcome": "refused" },
  });
  const outcomes = ended("epoxy.push").map(({ attributes }) => [attributes["epoxy.node"], attributes["epoxy.outcome"]]);
  expect(outcomes.length).toBe(52);
  expect(outcomes.slice(-2)).toEqual([
    ["node-998", "nack"],
    ["node-999", "unanswered"],
  ]);
  const told = [...ended("epoxy.push"), root].map((span) => [span?.attributes, span?.status, span?.events]);
  expect(JSON.stringify(told)).not.toContain("MARKED");
});

test("a change begins when it was seen in the storage, and what was told of it first counts", () => {
  const { traces, change, ended } = setUp();
  const now = performance.now();
  const event = { type: "changes", changed: [], removed: [], problems: [] } as const;
  for (const ago of [500, 2000, 1000]) traces.onStorageEvent("Upstream", { ...event, seenAt: now - ago });
  traces.onStorageEvent("Upstream", event);
  change(cluster("one"));
  traces.close();
  const at = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6;
  const epoch = Date.now() - performance.now();
  const [root] = ended("epoxy.change");
  const spans = ended("epoxy.storage");
  const begun = spans.map(({ startTime }) => Math.round((at(startTime) - epoch - now) / 100) * 100 + 0);
  expect(begun).toEqual([-500, -2000, -1000, 0]);
  expect(root?.startTime).toEqual(spans[1]?.startTime);
  const delivered = spans.map(({ events }) => events.map(({ name, time }) => [name, at(time) - epoch >= now - 5]));
  expect(delivered).toEqual(spans.map(() => [["delivered", true]]));
});

test("a response that carries two changes is in the traces of both", () => {
  const { traces, xdsEvents, respond, change, ended } = setUp();
  const [one, two] = [cluster("one"), cluster("two")];
  change(one);
  change(two);
  xdsEvents.onAck?.(respond(1, [one, two]));
  traces.close();
  const parents = ended("epoxy.push").map(({ parentSpanContext }) => parentSpanContext?.spanId);
  expect(parents).toEqual(ended("epoxy.apply").map((span) => span.spanContext().spanId));
  expect(ended("epoxy.change").map(({ attributes }) => attributes["epoxy.acks"])).toEqual([1, 1]);
});

test("what a state of the world repeats, or a new client begins with, is no push of the change; a second try after a refusal is", () => {
  const { traces, xdsEvents, respond, change, ended, refuse } = setUp();
  const [one, two] = [cluster("one"), cluster("two")];
  const sotw = { mode: "sotw" } as const;
  change(one);
  const first = respond(1, [one], sotw);
  xdsEvents.onAck?.(first);
  change(two);
  refuse(respond(1, [one, two], sotw));
  xdsEvents.onAck?.(respond(1, [two], sotw));
  respond(2, [one, two], { openedAt: Number.MAX_SAFE_INTEGER });
  traces.close();
  const counts = ended("epoxy.change").map(({ attributes }) => [attributes["epoxy.acks"], attributes["epoxy.nacks"]]);
  expect(counts).toEqual([
    [1, 0],
    [1, 1],
  ]);
});

test("a flush that changes nothing has no trace, and an older proxy's own key counts for its role", () => {
  const { traces, xdsEvents, respond, change, ended } = setUp();
  traces.derive(() => {});
  traces.derive(() => traces.apply(ROLE, { complete: true }, () => {}));
  change(cluster("one"));
  xdsEvents.onAck?.(respond(1, [cluster("one")], { key: `${ROLE} (before Envoy 1.38)` }));
  traces.close();
  expect(ended("epoxy.change").length).toBe(1);
  expect(ended("epoxy.push").map(({ attributes }) => attributes["epoxy.role"])).toEqual([ROLE]);
});

test("changes are followed a hundred at a time, and a proxy that goes away is no longer waited for", () => {
  const { traces, respond, change, ended, xdsEvents } = setUp();
  for (let index = 0; index < 101; index++) change(cluster(`c${index}`));
  expect(ended("epoxy.change").length).toBe(1);
  const { stream } = respond(1, [cluster("c50")]);
  xdsEvents.onStreamClose?.(stream);
  traces.close();
  expect(ended("epoxy.push").map(({ attributes }) => attributes["epoxy.outcome"])).toEqual(["closed"]);
  expect(ended("epoxy.change").length).toBe(101);
});
