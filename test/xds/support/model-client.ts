import { type Quarantine, typeUrls, type XdsCache } from "../../../src/xds/index.ts";
import type { Responses } from "../../../src/xds/server/responses.ts";
import type { Answer, Ask } from "./messages.ts";
import { type StreamRig, streamRig } from "./rigs.ts";

/** Whether a response of state-of-the-world holds everything, so that what isn't in it is deleted. */
export const isFullState = (typeUrl: string): boolean => typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener;

/** What a client wants and holds of one type. */
export interface Held {
  wildcard: boolean;
  readonly names: Set<string>;
  readonly resources: Map<string, string>;
  readonly versions: Map<string, string>;
  nonce: string;
  version: string;
  started: boolean;
}

export interface ModelClientOptions {
  /** Of its node. */
  readonly id: string;
  readonly mode: "sotw" | "delta";
  /** What the server's streams share; another one after the server's restart. */
  server(): ModelServer;
  refuses(content: string): boolean;
  /** Having refused a response in delta, it keeps the good resources of it, or (default) none; the protocol allows both. */
  readonly partly?: boolean;
}

export interface ModelServer {
  readonly cache: XdsCache;
  readonly quarantine: Quarantine;
  readonly responses: Responses;
}

/** A client by the book. */
export interface ModelClient {
  readonly mode: "sotw" | "delta";
  readonly held: ReadonlyMap<string, Held>;
  refuses(content: string): boolean;
  subscribe(typeUrl: string, name: string): void;
  unsubscribe(typeUrl: string, name: string): void;
  /** Opens a new stream, on which it says what it has. */
  reconnect(): void;
  /** Reads up to `count` responses and answers each. Returns whether there was any. */
  read(count: number): boolean;
  close(): void;
}

export function createModelClient(options: ModelClientOptions): ModelClient {
  const { id, mode, server, refuses, partly = false } = options;
  const open = (): StreamRig => streamRig(mode, { ...server(), node: { id } });
  let rig = open();
  let inFlight: Answer[] = [];
  const held = new Map<string, Held>();

  const of = (typeUrl: string): Held => {
    let it = held.get(typeUrl);
    if (it === undefined) {
      it = {
        wildcard: false,
        names: new Set(),
        resources: new Map(),
        versions: new Map(),
        nonce: "",
        version: "",
        started: false,
      };
      held.set(typeUrl, it);
    }
    return it;
  };
  const covers = (it: Held, name: string) => it.wildcard || it.names.has(name);
  const list = (it: Held) => [...(it.wildcard ? ["*"] : []), ...it.names];

  function ask(typeUrl: string, more: Ask): void {
    const it = of(typeUrl);
    it.started = true;
    rig.ask({ typeUrl, version: it.version, names: list(it), ...more });
  }

  function drop(it: Held): void {
    for (const name of it.resources.keys()) {
      if (covers(it, name)) continue;
      it.resources.delete(name);
      it.versions.delete(name);
    }
  }

  function apply(it: Held, answer: Answer, refuse: boolean): void {
    if (refuse && !(partly && mode === "delta")) return;
    const { typeUrl } = answer;
    const good = Object.entries(answer.resources).filter(([, content]) => !refuses(content));
    if (mode === "sotw" && isFullState(typeUrl)) it.resources.clear();
    for (const [name, content] of good) {
      if (!covers(it, name)) continue;
      it.resources.set(name, content);
      it.versions.set(name, answer.versions[name] ?? "");
    }
    for (const name of answer.removed) {
      it.resources.delete(name);
      it.versions.delete(name);
    }
    if (mode === "sotw") it.version = answer.version;
  }

  return {
    mode,
    held,
    refuses,
    subscribe(typeUrl, name) {
      const it = of(typeUrl);
      if (name === "*") it.wildcard = true;
      else it.names.add(name);
      ask(typeUrl, { nonce: mode === "sotw" ? it.nonce : "", subscribe: [name] });
    },
    unsubscribe(typeUrl, name) {
      const it = of(typeUrl);
      // By the legacy rule this would be a first request for everything.
      if (!it.started) return;
      if (name === "*") it.wildcard = false;
      else it.names.delete(name);
      drop(it);
      if (name !== "*" && mode === "delta") {
        it.resources.delete(name);
        it.versions.delete(name);
      }
      ask(typeUrl, { nonce: mode === "sotw" ? it.nonce : "", unsubscribe: [name] });
    },
    reconnect() {
      rig.stream.close();
      rig = open();
      inFlight = [];
      for (const [typeUrl, it] of held) {
        it.nonce = "";
        const nothing = !it.wildcard && it.names.size === 0;
        it.started = !nothing;
        // To a legacy server an empty first list would mean everything.
        if (nothing) continue;
        ask(typeUrl, { subscribe: list(it), initial: Object.fromEntries(it.versions) });
      }
    },
    read(count) {
      inFlight.push(...rig.answers());
      const now = inFlight.splice(0, count);
      for (const answer of now) {
        const it = of(answer.typeUrl);
        const refuse = Object.values(answer.resources).some(refuses);
        apply(it, answer, refuse);
        it.nonce = answer.nonce;
        ask(answer.typeUrl, { nonce: answer.nonce, ...(refuse && { error: "bad" }) });
      }
      return now.length > 0;
    },
    close: () => rig.stream.close(),
  };
}
