import { Counter, Gauge, Registry } from "prom-client";
import type { Quarantine, XdsCache, XdsEvents, XdsMetrics } from "../xds/index.ts";

export interface MetricsSources {
  readonly cache: XdsCache;
  readonly quarantine: Quarantine;
  xds(): XdsMetrics | undefined;
}

export interface Metrics {
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** To be told of what happens on xDS streams. */
  readonly xdsEvents: XdsEvents;
}

/** Metrics of one control plane, in a registry of their own. Names and labels only, never content. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const typeName = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf(".") + 1);

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
    name: "epoxy_process_resident_memory_bytes",
    help: "Resident memory.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: ["type"] as const, registers });
  const sent = counter("epoxy_xds_responses_total", "Responses sent.");
  const bytes = counter("epoxy_xds_sent_bytes_total", "Bytes of responses sent.");
  const acks = counter("epoxy_xds_acks_total", "Responses acknowledged.");
  const nacks = counter("epoxy_xds_nacks_total", "Responses refused.");
  return {
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    xdsEvents: {
      onSend({ typeUrl }, size) {
        sent.inc({ type: typeName(typeUrl) });
        bytes.inc({ type: typeName(typeUrl) }, size);
      },
      onAck: ({ typeUrl }) => acks.inc({ type: typeName(typeUrl) }),
      onNack: ({ typeUrl }) => nacks.inc({ type: typeName(typeUrl) }),
    },
  };
}
