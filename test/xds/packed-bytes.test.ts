import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { packed } from "../../src/xds/cache/packed-bytes.ts";

const bytesOf = (number: number): Uint8Array => new Uint8Array(Buffer.from(`resource ${number}`.padEnd(100)).values());
const make = (count: number): Uint8Array[] => Array.from({ length: count }, (_, number) => packed(bytesOf(number)));
const memoriesOf = (pieces: readonly Uint8Array[]): number => new Set(pieces.map(({ buffer }) => buffer)).size;

beforeEach(() => turn());

describe("bytes made in one turn of the event loop", () => {
  it("share memory when they are very many, and stay what they were", () => {
    const pieces = make(10_000);
    expect(memoriesOf(pieces)).toBeLessThan(150);
    expect(pieces.findIndex((piece, number) => Buffer.compare(piece, bytesOf(number)) !== 0)).toBe(-1);
  });

  it("have memory of their own when they are few: one that stays would keep all the others", async () => {
    const pieces = [...make(50)];
    await turn();
    pieces.push(...make(50));
    expect(memoriesOf(pieces)).toBe(100);
  });

  it("share none with those of another turn", async () => {
    const first = make(200);
    await turn();
    const second = make(200);
    const held = new Set(first.map(({ buffer }) => buffer));
    expect(second.some(({ buffer }) => held.has(buffer))).toBe(false);
  });

  it("aren't copied when they are long, or a piece of something already", () => {
    make(200);
    const long = new Uint8Array(2_000);
    const piece = new Uint8Array(100).subarray(10, 20);
    expect(packed(long)).toBe(long);
    expect(packed(piece)).toBe(piece);
  });
});
