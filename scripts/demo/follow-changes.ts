import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import { GatewayKind, RouteTableKind, UpstreamKind, VirtualServiceKind } from "../../generated/sdk/index.ts";
import {
  type AnyKind,
  type Kind,
  type Ref,
  type Resource,
  refKey,
  refOf,
  specEquals,
  statusOf,
} from "../../src/resources/index.ts";
import { createFileStorage } from "../../src/storage/file/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { readXdsProgress, type XdsProgress } from "./xds-progress.ts";

export interface FollowOptions {
  /** With the kinds' folders. */
  readonly directory: string;
  /** Of the control plane. */
  readonly adminPort: number;
  readonly snapshotKey: string;
  /** Gets a line for each thing that happened. */
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A saved change that isn't known to be in force yet. */
interface Pending {
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly savedAt: number;
  readonly what: "changed" | "gone";
  readonly kind: AnyKind;
  readonly ref: Ref;
}

const kinds: readonly Kind<any>[] = [GatewayKind, RouteTableKind, UpstreamKind, VirtualServiceKind];
/** A change that alters nothing for proxies is told from one that is on its way by this time. */
const NOTHING_NEW_MS = 500;
/** Statuses are written just after a change is served. */
const STATUS_MS = 150;

/**
 * Tells what becomes of edited files: the verdict, and how long after the save every proxy had taken it over. Ends with the signal.
 */
export async function followChanges(options: FollowOptions): Promise<void> {
  await using storage = createFileStorage({ directory: options.directory });
  const follower = createFollower(options, await readXdsProgress(options.adminPort, options.snapshotKey));
  await Promise.all(kinds.map((kind) => followKind(kind, storage, follower, options)));
}

type Follower = ReturnType<typeof createFollower>;

function createFollower({ adminPort, snapshotKey, print, signal }: FollowOptions, start: XdsProgress) {
  const latest = new Map<string, Resource>();
  const told = new Map<string, string>();
  let pending: Pending[] = [];
  let served = start.version;
  let settling: Promise<void> | undefined;

  async function untilSettled(savedAt: number): Promise<XdsProgress> {
    for (;;) {
      const progress = await readXdsProgress(adminPort, snapshotKey);
      const age = Date.now() - savedAt;
      if (progress.refusal !== undefined && age > NOTHING_NEW_MS) return progress;
      if (progress.accepted && (progress.version !== served || age > NOTHING_NEW_MS)) return progress;
      await delay(2, undefined, { signal });
    }
  }

  async function settle(): Promise<void> {
    while (pending.length > 0) {
      const [first] = pending as [Pending];
      const progress = await untilSettled(first.savedAt);
      const settledAt = Date.now();
      const isNew = progress.version !== served;
      served = progress.version;
      const settled = pending;
      pending = [];
      await delay(STATUS_MS, undefined, { signal });
      for (const change of settled) tell(change, isNew ? settledAt - change.savedAt : undefined, progress);
    }
  }

  function tell({ path, what, kind, ref }: Pending, after: number | undefined, { refusal }: XdsProgress): void {
    const effect =
      refusal !== undefined
        ? `refused by Envoy, which keeps what it had: ${refusal}`
        : after === undefined
          ? "nothing changes for Envoy"
          : `${what === "gone" ? "Envoy follows" : "served by Envoy"} after ${Math.max(1, Math.round(after))} ms`;
    if (what === "gone") return print(`${path}: gone, ${effect}`);
    const verdict = verdictOf(latest.get(keyOf(kind, ref)));
    told.set(keyOf(kind, ref), verdict.text);
    print([`${path}: ${verdict.state}, ${effect}`, ...verdict.reasons].join("\n    "));
  }

  return {
    /** Takes note of a resource; `isStart` for those that are there from the start. */
    see(kind: AnyKind, resource: Resource, path: string, savedAt: number, isStart: boolean): void {
      const key = keyOf(kind, refOf(resource));
      const known = latest.get(key);
      latest.set(key, resource);
      const verdict = verdictOf(resource);
      const isNewSpec = known === undefined || !specEquals(kind as Kind<any>, known, resource);
      if (isStart || !isNewSpec) {
        const isAwaited = pending.some((change) => keyOf(change.kind, change.ref) === key) || settling !== undefined;
        const isNews = told.get(key) !== verdict.text;
        if (isStart) told.set(key, verdict.text);
        else if (isNews && !isAwaited) {
          told.set(key, verdict.text);
          print([`${path}: ${verdict.state}`, ...verdict.reasons].join("\n    "));
        }
        return;
      }
      pending.push({ path, savedAt, what: "changed", kind, ref: refOf(resource) });
      settling ??= settleAll();
    },
    lose(kind: AnyKind, ref: Ref, path: string): void {
      latest.delete(keyOf(kind, ref));
      pending.push({ path, savedAt: Date.now(), what: "gone", kind, ref });
      settling ??= settleAll();
    },
  };

  async function settleAll(): Promise<void> {
    await settle().catch((error: unknown) => {
      if (!signal.aborted) print(`following stopped: ${error instanceof Error ? error.message : String(error)}`);
    });
    settling = undefined;
  }
}

async function followKind(
  kind: Kind<any>,
  storage: Storage,
  follower: Follower,
  { directory, print, signal }: FollowOptions,
): Promise<void> {
  const pathOf = ({ namespace, name }: Ref): string => `${kind.plural}/${namespace}/${name}.yaml`;
  let broken = new Set<string>();
  try {
    for await (const event of storage.client(kind).watch({ signal })) {
      if (event.type === "stale" || event.type === "live") continue;
      for (const resource of event.type === "state" ? event.items : event.changed) {
        const path = pathOf(refOf(resource));
        const seenAt = Date.now();
        // Not when it was written last: what is moved there may be old.
        const savedAt = await stat(join(directory, path)).then(
          ({ ctimeMs }) => ctimeMs,
          () => seenAt,
        );
        follower.see(kind, resource, path, Math.min(savedAt, seenAt), event.type === "state");
      }
      if (event.type === "changes") for (const ref of event.removed) follower.lose(kind, ref, pathOf(ref));
      const now = new Set(event.problems.map(({ error, lastGoodKept }) => problemText(error.message, lastGoodKept)));
      for (const text of now) if (!broken.has(text)) print(text.replaceAll(`${directory}/`, ""));
      if (now.size === 0 && broken.size > 0) print(`${kind.plural}: no file is broken any more`);
      broken = now;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const keyOf = (kind: AnyKind, ref: Ref): string => `${kind.kind}/${refKey(ref)}`;

const problemText = (message: string, lastGoodKept: boolean): string =>
  `${stripVTControlCharacters(message)}${lastGoodKept ? "\n    the last good version stays in force" : ""}`;

/** What the status says, for people. */
function verdictOf(resource: Resource | undefined): { state: string; reasons: readonly string[]; text: string } {
  const status = resource === undefined ? undefined : statusOf(resource, "gloo-system");
  const state = Object.entries(Status_State).find(([, value]) => value === status?.state)?.[0] ?? "Pending";
  const reasons = (status?.reason ?? "").split("\n").filter((line) => line.trim() !== "");
  return { state: status === undefined ? "Pending" : state, reasons, text: [state, ...reasons].join("\n") };
}
