import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { ResponseEvent } from "../../xds/index.ts";
import { trackCarriedChanges } from "./carried-changes.ts";
import type { ChangeTraces } from "./change-traces.ts";
import { type Push, trackPushes } from "./pushes.ts";
import { collectStorageEvents } from "./storage-events.ts";

/** In milliseconds: a change with nothing unanswered for so long has arrived; and nothing is waited for any longer than that. */
const QUIET_MS = 500;
const MAX_MS = 30_000;

/** So many accepted, refused and unanswered pushes of one change have spans, each; all are counted. */
const MAX_PUSHES = 50;

/** So many changes are followed at a time: the oldest give way. */
const MAX_CHANGES = 100;

export interface TraceOptions {
  readonly tracer: Tracer;
  /** The role that a stream's snapshot key stands for. */
  roleOf(key: string): string;
}

type Outcome = "ack" | "nack" | "closed" | "unanswered";

interface Change {
  readonly root: Span;
  readonly context: Context;
  readonly startedAt: number;
  readonly applied: Applied[];
  readonly counts: Record<Outcome, number>;
  open: number;
  spans: number;
  lastAt: number;
  ended: boolean;
}

/** A part of a change: what became of it under one snapshot key. */
interface Applied {
  readonly change: Change;
  readonly context: Context;
  readonly at: number;
  /** The streams, with the type, that were sent it and haven't refused it. */
  readonly given: Set<string>;
}

interface Flush {
  readonly began: number;
  readonly events: ReturnType<ReturnType<typeof collectStorageEvents>["take"]>;
  change: Change | undefined;
  span: Span | undefined;
}

/**
 * A trace of each change that reaches the cache: `epoxy.change` from when the change was seen in the storage to the last proxy's answer, and in it `epoxy.storage`,
 * `epoxy.derive`, therein `epoxy.apply` for each role, therein `epoxy.push` for each response until its answer. Names, counts
 * and versions; never content, nor a proxy's words, which may quote it.
 */
export function traceChanges({ tracer, roleOf }: TraceOptions): ChangeTraces {
  const waiting = collectStorageEvents();
  const carried = trackCarriedChanges<Applied>();
  const pushes = trackPushes<Applied>();
  const live = new Set<Change>();
  let current: Flush | undefined;
  let timer: NodeJS.Timeout | undefined;
  let offset = 0;

  /** Milliseconds since the epoch, and parts of them. */
  const now = (): number => performance.now() + offset;

  /** The two clocks drift apart in a long life. Not within a change, though. */
  function compareClocks(): void {
    if (live.size === 0) offset = Date.now() - performance.now();
  }

  const child = (name: string, parent: Context, startTime: number, attributes: Attributes = {}): Span =>
    tracer.startSpan(name, { startTime, attributes }, parent);

  function begin({ began, events: { first, total } }: Flush): Change {
    const startedAt = Math.min(began, ...first.map(({ seenAt }) => seenAt));
    const attributes = { "epoxy.storage_events": total };
    const root = tracer.startSpan("epoxy.change", { startTime: startedAt, attributes }, ROOT_CONTEXT);
    const context = trace.setSpan(ROOT_CONTEXT, root);
    for (const { seenAt, deliveredAt, attributes } of first) {
      const span = child("epoxy.storage", context, seenAt, attributes);
      span.addEvent("delivered", deliveredAt);
      span.end(began);
    }
    const change: Change = {
      ...{ root, context, startedAt, applied: [], counts: { ack: 0, nack: 0, closed: 0, unanswered: 0 } },
      ...{ open: 0, spans: 0, lastAt: began, ended: false },
    };
    live.add(change);
    for (const oldest of live) if (live.size > MAX_CHANGES) leave(oldest);
    timer ??= setInterval(sweep, QUIET_MS / 2).unref();
    return change;
  }

  /** The span of a flush that changes nothing is never made. */
  function inFlush(flush: Flush): { readonly change: Change; readonly parent: Context } {
    flush.change ??= begin(flush);
    if (flush === current) flush.span ??= child("epoxy.derive", flush.change.context, flush.began);
    const { change, span } = flush;
    return { change, parent: span === undefined ? change.context : trace.setSpan(change.context, span) };
  }

  function settle(push: Push<Applied>, outcome: Outcome, at: number): void {
    for (const { change, context } of push.changes) {
      if (!live.has(change)) continue;
      change.open--;
      change.lastAt = Math.max(change.lastAt, at);
      if (++change.counts[outcome] > MAX_PUSHES) continue;
      change.spans++;
      const span = child("epoxy.push", context, push.sentAt, pushAttributes(push, outcome));
      if (outcome !== "unanswered") span.addEvent(outcome, at);
      if (outcome === "nack" || outcome === "unanswered") span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(at);
    }
  }

  const pushAttributes = ({ event, bytes }: Push<Applied>, outcome: Outcome): Attributes => ({
    "epoxy.role": roleOf(event.key),
    "epoxy.node": event.node.id,
    "epoxy.type": event.typeUrl,
    "epoxy.mode": event.stream.mode,
    "epoxy.version": event.version,
    "epoxy.resources": event.resources.length,
    "epoxy.removed": event.removed.length,
    "epoxy.bytes": bytes,
    "epoxy.outcome": outcome,
  });

  function end(change: Change): void {
    if (change.ended) return;
    change.ended = true;
    const { root, counts, spans, lastAt } = change;
    const total = counts.ack + counts.nack + counts.closed + counts.unanswered;
    root.setAttributes({
      "epoxy.pushes": total,
      "epoxy.acks": counts.ack,
      "epoxy.nacks": counts.nack,
      "epoxy.unanswered": counts.unanswered,
      "epoxy.pushes_without_span": total - spans,
      "epoxy.outcome":
        counts.nack > 0 ? "refused" : counts.unanswered > 0 ? "unanswered" : total > 0 ? "accepted" : "not sent",
    });
    if (counts.nack > 0 || counts.unanswered > 0) root.setStatus({ code: SpanStatusCode.ERROR });
    root.end(lastAt);
  }

  /** Follows a change no longer. */
  function leave(change: Change): void {
    if (change.open > 0) {
      for (const push of pushes.all()) {
        const changes = push.changes.filter((it) => it.change === change);
        if (changes.length > 0) settle({ ...push, changes }, "unanswered", now());
      }
    }
    end(change);
    live.delete(change);
    for (const applied of change.applied) carried.remove(applied);
  }

  function sweep(): void {
    const at = now();
    for (const change of live) {
      if (at - change.startedAt > MAX_MS) leave(change);
      else if (change.open === 0 && at - change.lastAt > QUIET_MS) end(change);
    }
    if (live.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function answered(event: ResponseEvent, outcome: Outcome): void {
    const at = now();
    for (const push of pushes.settle(event)) {
      settle(push, outcome, at);
      if (outcome === "nack") for (const { given } of push.changes) given.delete(subscriptionOf(event));
    }
  }

  return {
    onStorageEvent(kind, event) {
      compareClocks();
      waiting.add(offset, kind, event);
    },
    derive(flush) {
      compareClocks();
      const it: Flush = { began: now(), events: waiting.take(), change: undefined, span: undefined };
      current = it;
      try {
        flush();
      } finally {
        current = undefined;
        it.span?.end(now());
      }
    },
    apply(key, content, run) {
      const upserted = content.upsert?.length ?? 0;
      const removed = content.remove?.length ?? 0;
      if (upserted + removed === 0) return run();
      const at = now();
      // A flush that somebody asked for is outside of those that are due.
      const flush = current ?? { began: at, events: waiting.take(), change: undefined, span: undefined };
      const { change, parent } = inFlush(flush);
      const span = child("epoxy.apply", parent, at, {
        ...{ "epoxy.role": key, "epoxy.upserted": upserted, "epoxy.removed": removed },
        "epoxy.types": [...new Set([...(content.upsert ?? []), ...(content.remove ?? [])].map((it) => it.typeUrl))],
      });
      const applied: Applied = { change, context: trace.setSpan(change.context, span), at, given: new Set() };
      if (span.isRecording()) {
        change.applied.push(applied);
        carried.add(key, applied, content);
      }
      run();
      change.lastAt = now();
      span.end(change.lastAt);
    },
    xdsEvents: {
      onSend(event, bytes) {
        const subscription = subscriptionOf(event);
        // What a new client begins with is no news, nor what a SotW response repeats.
        const isNews = ({ at, given }: Applied): boolean =>
          event.stream.openedAt <= at && (event.stream.mode === "delta" || !given.has(subscription));
        const changes = carried.in(roleOf(event.key), event).filter(isNews);
        if (changes.length === 0) return;
        for (const { change, given } of changes) {
          change.open++;
          given.add(subscription);
        }
        pushes.add({ event, sentAt: now(), bytes, changes });
      },
      onAck: (event) => answered(event, "ack"),
      onNack: (event) => answered(event, "nack"),
      onStreamClose({ id }) {
        for (const push of pushes.closed(id)) settle(push, "closed", now());
      },
    },
    close() {
      for (const change of live) leave(change);
      clearInterval(timer);
    },
  };
}

/** A stream's subscription to one type. */
const subscriptionOf = ({ stream, typeUrl }: ResponseEvent): string => `${stream.id} ${typeUrl}`;
