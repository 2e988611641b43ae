import type { XdsEvents } from "../xds/index.ts";

/** Tells all of them, in order. */
export function mergeEvents(listeners: readonly XdsEvents[]): XdsEvents {
  return {
    onStreamOpen: (stream) => listeners.forEach((it) => it.onStreamOpen?.(stream)),
    onStreamClose: (stream) => listeners.forEach((it) => it.onStreamClose?.(stream)),
    onRequest: (stream, typeUrl) => listeners.forEach((it) => it.onRequest?.(stream, typeUrl)),
    onSend: (event, bytes) => listeners.forEach((it) => it.onSend?.(event, bytes)),
    onAck: (event) => listeners.forEach((it) => it.onAck?.(event)),
    onNack: (event) => listeners.forEach((it) => it.onNack?.(event)),
    onDenied: (event) => listeners.forEach((it) => it.onDenied?.(event)),
    onLoadReport: (increment) => listeners.forEach((it) => it.onLoadReport?.(increment)),
    onSlow: (event) => listeners.forEach((it) => it.onSlow?.(event)),
  };
}
