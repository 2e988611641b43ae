import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { measureConvergence } from "./convergence.ts";
import { mergeEvents } from "./merge-events.ts";
import type { AdmissionRequest, AdmissionResponse } from "./validation/admission-review.ts";
import {
  type Quarantine,
  type StreamState,
  typeUrls,
  type XdsCache,
  type XdsChange,
  type XdsEvents,
  type XdsMetrics,
} from "../xds/index.ts";

export interface MetricsSources {
  readonly cache: XdsCache;
  readonly quarantine: Quarantine;
  xds(): XdsMetrics | undefined;
  streams(): readonly StreamState[];
  /** The role of a stream's key: older proxies of a role have keys of their own. */
  roleOf(key: string): string;
  /** Whether this process writes statuses; undefined: it isn't known yet. */
  leads(): boolean | undefined;
}

/** From a LAN's round trip to a fleet that warms clusters. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** So many types beside Envoy's have labels of their own. */
const MAX_TYPES = 100;
/** So many clusters that proxies report, but that they aren't served, have labels of their own. */
const MAX_UNSERVED = 1_000;
/** In characters, of such a cluster with its proxy. */
const MAX_LABEL = 500;

export interface Metrics {
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** To be told of what happens on xDS streams. */
  readonly xdsEvents: XdsEvents;
  /** To be told of each answer to the API server; undefined: nobody could tell. */
  validated(request: AdmissionRequest, response: AdmissionResponse | undefined): void;
  /** To be told of each change of what is served. */
  changed(key: string, change: XdsChange): void;
}

/** Metrics of one control plane, in a registry of their own. Names and labels only, never content. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const shortName = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
  const envoysOwn: ReadonlySet<string> = new Set(Object.values(typeUrls).map(shortName));
  const typeNames = new Set<string>();
  // Clients may make up types without end, and are answered that there is nothing.
  const typeName = (typeUrl: string): string => {
    const name = shortName(typeUrl);
    if (envoysOwn.has(name) || typeNames.has(name)) return name;
    if (typeNames.size >= MAX_TYPES) return "other";
    typeNames.add(name);
    return name;
  };

  const reported = new Set<string>();
  // A client says itself which proxy it is, and makes up clusters as it likes; but its own static ones aren't served to it either.
  const loadLabels = (proxy: string, cluster: string): { readonly proxy: string; readonly cluster: string } => {
    if (sources.cache.get(proxy, typeUrls.cluster, cluster) !== undefined) return { proxy, cluster };
    const id = `${proxy} ${cluster}`;
    if (!reported.has(id)) {
      if (reported.size >= MAX_UNSERVED || id.length > MAX_LABEL) return { proxy: "other", cluster: "other" };
      reported.add(id);
    }
    return { proxy, cluster };
  };

  new Gauge({
    name: "epoxy_xds_streams",
    help: "Open xDS streams.",
    registers,
    collect() {
      this.set(sources.xds()?.streams ?? 0);
    },
  });
  new Gauge({
    name: "epoxy_xds_resources",
    help: "Resources in the xDS cache, by snapshot key and type.",
    labelNames: ["proxy", "type"],
    registers,
    collect() {
      this.reset();
      for (const key of sources.cache.keys()) {
        for (const { typeUrl, resources } of sources.cache.dump(key)) {
          this.set({ proxy: key, type: typeName(typeUrl) }, Object.keys(resources).length);
        }
      }
    },
  });
  new Gauge({
    name: "epoxy_xds_quarantined",
    help: "Resources, or parts of resources, that are served but that at least one proxy refuses.",
    labelNames: ["proxy", "type"],
    registers,
    collect() {
      this.reset();
      for (const { key, typeUrl } of sources.quarantine.list()) this.inc({ proxy: key, type: typeName(typeUrl) });
    },
  });
  new Gauge({
    name: "epoxy_leader",
    help: "1 if this process leads, and so writes statuses and discovered upstreams, else 0.",
    registers,
    collect() {
      this.set(sources.leads() === true ? 1 : 0);
    },
  });
  new Gauge({
    name: "epoxy_process_resident_memory_bytes",
    help: "Resident memory.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const latency = new Histogram({
    name: "epoxy_xds_convergence_seconds",
    help: "From a change of what is served until all connected proxies have answered what came of it.",
    labelNames: ["proxy"],
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const convergence = measureConvergence({
    now: () => performance.now() / 1000,
    defer: (run) => void setImmediate(run),
    roleOf: sources.roleOf,
    onConverged: (proxy, seconds) => latency.observe({ proxy }, seconds),
  });
  new Gauge({
    name: "epoxy_xds_lag_seconds",
    help: "For how long the response that has waited longest for a proxy's answer has been unanswered.",
    labelNames: ["proxy"],
    registers,
    collect() {
      this.reset();
      for (const [proxy, seconds] of convergence.lags()) this.set({ proxy }, seconds);
    },
  });
  new Gauge({
    name: "epoxy_xds_stream_lag_seconds",
    help: "For how long the oldest unanswered response of a stream has waited: the 100 that wait longest, and none that has answered all.",
    labelNames: ["proxy", "node", "stream"],
    registers,
    collect() {
      this.reset();
      const lags = sources.streams().map(({ id, key, node, types }) => ({
        labels: { proxy: key === undefined ? "" : sources.roleOf(key), node: node?.id ?? "", stream: `${id}` },
        lagMs: Math.max(0, ...types.map((type) => type.lagMs)),
      }));
      const worst = lags.filter(({ lagMs }) => lagMs > 0).sort((a, b) => b.lagMs - a.lagMs);
      for (const { labels, lagMs } of worst.slice(0, 100)) this.set(labels, lagMs / 1000);
    },
  });
  new Gauge({
    name: "epoxy_xds_waiting_clients",
    help: "New clients that wait for their turn.",
    registers,
    collect() {
      this.set(sources.xds()?.waiting ?? 0);
    },
  });
  const slow = new Counter({
    name: "epoxy_xds_slow_clients_total",
    help: "Clients that took too long to read or to answer, and were reported or given up.",
    labelNames: ["waiting_for", "closed"],
    registers,
  });
  const changes = new Counter({
    name: "epoxy_xds_changes_total",
    help: "Resources added, changed or removed in the cache. Fewer responses than that tell of changes sent together.",
    labelNames: ["type"],
    registers,
  });
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: ["type"] as const, registers });
  const sent = counter("epoxy_xds_responses_total", "Responses sent.");
  const resources = counter("epoxy_xds_sent_resources_total", "Resources in the responses sent.");
  const bytes = counter("epoxy_xds_sent_bytes_total", "Bytes of responses sent.");
  const acks = counter("epoxy_xds_acks_total", "Responses acknowledged.");
  const nacks = counter("epoxy_xds_nacks_total", "Responses refused.");
  const denied = new Counter({
    name: "epoxy_xds_denied_total",
    help: "Clients turned away: their connection failed, they are unauthenticated, or they asked for what they may not have (denied).",
    labelNames: ["code"],
    registers,
  });
  const validations = new Counter({
    name: "epoxy_validation_answers_total",
    help: "Writes that the API server asked about, by kind and by what was answered: allowed, warned, refused or unknown.",
    labelNames: ["kind", "answer"],
    registers,
  });
  const load = new Counter({
    name: "epoxy_lrs_requests_total",
    help: "Requests to a cluster, as proxies report them. Of clusters that aren't served, the first 1,000 by name, the rest as other.",
    labelNames: ["proxy", "cluster", "result"],
    registers,
  });
  return {
    validated({ kind: { kind } }, response) {
      const allowed = (response?.warnings?.length ?? 0) > 0 ? "warned" : "allowed";
      validations.inc({ kind, answer: response === undefined ? "unknown" : response.allowed ? allowed : "refused" });
    },
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    changed(key, { upsert = [], remove = [] }) {
      for (const { typeUrl } of [...upsert, ...remove]) changes.inc({ type: typeName(typeUrl) });
      convergence.changed(key);
    },
    xdsEvents: mergeEvents([
      convergence.xdsEvents,
      {
        onSend({ typeUrl, resources: { length } }, size) {
          resources.inc({ type: typeName(typeUrl) }, length);
          sent.inc({ type: typeName(typeUrl) });
          bytes.inc({ type: typeName(typeUrl) }, size);
        },
        onAck: ({ typeUrl }) => acks.inc({ type: typeName(typeUrl) }),
        onNack: ({ typeUrl }) => nacks.inc({ type: typeName(typeUrl) }),
        onSlow: ({ waitingFor, closed }) => slow.inc({ waiting_for: waitingFor, closed: String(closed) }),
        onDenied: ({ code }) => denied.inc({ code }),
        onLoadReport({ key, cluster, ...counts }) {
          const labels = loadLabels(key, cluster);
          for (const result of ["successful", "failed", "dropped"] as const) {
            load.inc({ ...labels, result }, counts[result]);
          }
        },
      },
    ]),
  };
}
