import { typeUrls, type XdsCache } from "../../../src/xds/index.ts";
import type { Answer } from "./messages.ts";
import { type StreamRig, type StreamRigOptions, streamRig } from "./rigs.ts";

export interface RefusingClientOptions extends StreamRigOptions {
  readonly mode: "sotw" | "delta";
  readonly typeUrl?: string;
  /** Subscribed to by name; default: everything. */
  readonly names?: readonly string[];
  /** Why it refuses a resource; undefined: it doesn't. */
  refuses(content: string, name: string): string | undefined;
  /** In delta, keeps the good resources of a refused response, as Envoy does with clusters and listeners. */
  readonly partly?: boolean;
}

/** A client that answers each response, and remembers them all. */
export interface RefusingClient {
  readonly rig: StreamRig;
  /** What it has, by name. */
  readonly has: Map<string, string>;
  readonly received: Answer[];
  refused: number;
  /** Answers until nothing comes any more. */
  settle(): void;
}

export function refusingClient(cache: XdsCache, options: RefusingClientOptions): RefusingClient {
  const { mode, names = [], typeUrl = typeUrls.cluster, partly = false } = options;
  const rig = streamRig(mode, { cache, ...options });
  const whole = typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener;
  const seen = new Set<string>();
  const client: RefusingClient = {
    rig,
    has: new Map(),
    received: [],
    refused: 0,
    settle() {
      for (let answers = rig.answers(); answers.length > 0; answers = rig.answers()) for (const it of answers) take(it);
    },
  };
  rig.ask({ typeUrl, names, subscribe: names });

  function take(answer: Answer): void {
    client.received.push(answer);
    const entries = Object.entries(answer.resources);
    const complaints = entries.flatMap(([name, content]) => options.refuses(content, name) ?? []);
    const refused = complaints.length > 0;
    if (!refused || (partly && mode === "delta")) {
      if (mode === "sotw" && whole) client.has.clear();
      for (const name of answer.removed) client.has.delete(name);
      for (const [name, content] of entries) {
        if (options.refuses(content, name) === undefined) client.has.set(name, content);
      }
    }
    if (!refused) return rig.ack(answer, { names });
    client.refused++;
    const content = JSON.stringify([answer.resources, answer.removed]);
    if (seen.has(content)) throw new Error(`sent again what was refused: ${content}`);
    seen.add(content);
    rig.nack(answer, { names, error: complaints.join("; ") });
  }
  client.settle();
  return client;
}
