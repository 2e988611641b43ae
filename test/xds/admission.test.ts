import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { type Admission, createAdmission, type Newcomer } from "../../src/xds/server/admission.ts";
import { createOutbox } from "../../src/xds/server/outbox.ts";

let admission: Admission;
afterEach(() => admission.close());

/** A client whose answers stay under way until it reads. */
function newcomer(host = "a"): Newcomer & { write(): void; read(): void } {
  const taken: (() => void)[] = [];
  const outbox = createOutbox(
    (_, callback) => taken.push(callback),
    () => {},
  );
  return {
    host,
    outbox,
    write: () => outbox.write(Buffer.alloc(10)),
    read: () => taken.splice(0).forEach((run) => run()),
  };
}

async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

describe("newcomers", () => {
  test("are served at once while there is room, then in order as others have read theirs", async () => {
    admission = createAdmission({ concurrent: 2 });
    const served: number[] = [];
    const clients = Array.from({ length: 5 }, () => newcomer());
    for (const [index, client] of clients.entries()) {
      admission.run(client, () => {
        served.push(index);
        client.write();
      });
    }
    expect(served).toEqual([0, 1]);
    expect(admission.waiting).toBe(3);
    clients[1]?.read();
    await turns();
    expect(served).toEqual([0, 1, 2]);
    clients[0]?.read();
    clients[2]?.read();
    await turns();
    expect(served).toEqual([0, 1, 2, 3, 4]);
    expect(admission.waiting).toBe(0);
  });

  test("of one host take turns with those of another, however many they are", async () => {
    admission = createAdmission({ concurrent: 1 });
    const served: string[] = [];
    const blocker = newcomer();
    admission.run(blocker, () => blocker.write());
    for (const host of ["greedy", "greedy", "greedy", "modest"]) admission.run(newcomer(host), () => served.push(host));
    blocker.read();
    await turns();
    expect(served).toEqual(["greedy", "modest", "greedy", "greedy"]);
  });

  test("that don't read give up their place after a while", async () => {
    admission = createAdmission({ concurrent: 1, placeMs: 5 });
    const stuck = newcomer();
    admission.run(stuck, () => stuck.write());
    await new Promise<void>((resolve) => admission.run(newcomer(), resolve));
    expect(admission.waiting).toBe(0);
  });

  test("whose answers are taken at once have a slice of each turn, not all of it", async () => {
    admission = createAdmission({ concurrent: 32 });
    let served = 0;
    let taken = 0;
    const clients = Array.from({ length: 60 }, () => newcomer());
    for (const client of clients) {
      admission.run(client, () => {
        served++;
        for (const end = performance.now() + 1; performance.now() < end; );
      });
    }
    expect(served).toBeLessThan(10);
    for (; served < clients.length; taken++) await nextTurn();
    expect(taken).toBeGreaterThan(5);
  });

  test("that leave wait no longer, and hold up nobody", async () => {
    admission = createAdmission({ concurrent: 1 });
    const [first, leaver, last] = [newcomer(), newcomer("b"), newcomer("c")];
    const served: string[] = [];
    admission.run(first, () => first.write());
    admission.run(leaver, () => served.push("leaver"));
    admission.run(last, () => served.push("last"));
    admission.leave(leaver);
    admission.leave(first);
    await turns();
    expect(served).toEqual(["last"]);
  });

  test("have their requests answered in order, those that came while they waited as well", async () => {
    admission = createAdmission({ concurrent: 1 });
    const [first, second] = [newcomer(), newcomer()];
    const served: number[] = [];
    admission.run(first, () => first.write());
    for (const request of [1, 2, 3]) admission.run(second, () => served.push(request));
    expect(admission.waiting).toBe(1);
    first.read();
    await turns();
    expect(served).toEqual([1, 2, 3]);
  });
});
