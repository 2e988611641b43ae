import { setTimeout as sleep } from "node:timers/promises";
import { createConsulClient } from "../../../src/consul/index.ts";
import { consulElection } from "../../../src/leader/index.ts";

/**
 * A process that, once it leads, writes for ever with the guard that it got then, without a look at whether it leads still: as a write
 * does that was under way when the process was stopped.
 */
const [address = "", key = "", data = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const client = createConsulClient({ address });
const election = consulElection({ client, key, identity: "stubborn" });
void election.campaign(signal);
while (!election.isLeader) await sleep(10);
const guard = election.guard();
for (;;) {
  const { value } = await client.kvRead(data, { signal, consistency: "consistent" });
  const outcome = await client.kvPut(data, "stubborn", value?.modifyIndex ?? 0, { signal, guard }).then(
    () => "written",
    () => "refused",
  );
  process.stdout.write(`${outcome}\n`);
  await sleep(20);
}
