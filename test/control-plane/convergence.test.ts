import { expect, test } from "vitest";
import { measureConvergence } from "../../src/control-plane/convergence.ts";
import type { ResponseEvent, StreamInfo } from "../../src/xds/index.ts";

const node = { id: "", cluster: "", metadata: {}, locality: undefined, userAgentName: "", userAgentVersion: "" };

const KEY = "ns~proxy";
/** What older proxies of the same role get. */
const OLD_KEY = `${KEY} (before Envoy 1.37)`;

/** A fleet of streams with a clock that is set by hand. */
function setUp() {
  let time = 0;
  const later: (() => void)[] = [];
  const measured: [string, number][] = [];
  const convergence = measureConvergence({
    now: () => time,
    defer: (run) => later.push(run),
    roleOf: (key) => (key === OLD_KEY ? KEY : key),
    onConverged: (key, seconds) => measured.push([key, seconds]),
  });
  const stream = (id: number, key: string): StreamInfo => ({
    ...{ id, mode: "delta", peer: "", node: { ...node, clientFeatures: [] }, key, openedAt: 0 },
  });
  const event = (id: number, key = KEY): ResponseEvent => ({
    ...{ stream: stream(id, key), node: { ...node, clientFeatures: [] }, key },
    ...{ typeUrl: "type", version: "1", resources: [], removed: [] },
  });
  return {
    measured,
    convergence,
    at: (seconds: number) => (time = seconds),
    change: () => convergence.changed(KEY),
    send: (id: number, key?: string) => convergence.xdsEvents.onSend?.(event(id, key), 1),
    ack: (id: number, key?: string) => convergence.xdsEvents.onAck?.(event(id, key)),
    close: (id: number, key = KEY) => convergence.xdsEvents.onStreamClose?.(stream(id, key)),
    turn: () => later.splice(0).forEach((run) => run()),
  };
}

test("a change has arrived when the last proxy has answered all that came of it", () => {
  const { at, change, send, ack, turn, measured } = setUp();
  at(1);
  change();
  for (const id of [1, 2]) send(id);
  at(2);
  ack(1);
  turn();
  at(3);
  ack(2);
  // Its routes follow its clusters at once.
  send(2);
  turn();
  expect(measured).toEqual([]);
  at(5);
  ack(2);
  turn();
  expect(measured).toEqual([[KEY, 4]]);
});

test("a proxy that goes away isn't waited for", () => {
  const { at, change, send, ack, close, turn, measured } = setUp();
  change();
  for (const id of [1, 2]) send(id);
  at(1);
  ack(1);
  at(2);
  close(2);
  turn();
  expect(measured).toEqual([[KEY, 2]]);
});

test("proxies of a role that get what is left out for older ones are waited for like the others, and counted to their role", () => {
  const { at, change, send, ack, close, turn, measured, convergence } = setUp();
  change();
  send(1);
  for (const id of [2, 3]) send(id, OLD_KEY);
  at(1);
  ack(1);
  at(2);
  expect([...convergence.lags()]).toEqual([[KEY, 2]]);
  ack(2, OLD_KEY);
  turn();
  expect(measured).toEqual([]);
  at(3);
  close(3, OLD_KEY);
  turn();
  expect(measured).toEqual([[KEY, 3]]);
});

test("neither a change that no proxy wants nor what a new proxy asks for is measured", () => {
  const { at, change, send, ack, turn, measured } = setUp();
  send(1);
  ack(1);
  turn();
  expect(measured).toEqual([]);
  change();
  at(100);
  change();
  send(1);
  at(101);
  ack(1);
  turn();
  expect(measured).toEqual([[KEY, 1]]);
});

test("the lag is the age of the response that has waited longest", () => {
  const { at, send, ack, convergence } = setUp();
  send(1);
  at(3);
  send(2);
  at(5);
  expect(convergence.lags().get(KEY)).toBe(5);
  ack(1);
  expect(convergence.lags().get(KEY)).toBe(2);
});
