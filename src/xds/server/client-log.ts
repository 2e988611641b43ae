import { hostOf, limitLines } from "./limit-lines.ts";
import type { DenialEvent, NackEvent } from "./events.ts";
import type { SlowClientEvent } from "./slow-clients.ts";

type Warn = (fields: object, message: string) => void;

/** What clients cause, in the log. Who is turned away comes again, and who means harm is quick: neither may fill it. */
export interface ClientLog {
  denied(event: DenialEvent): void;
  refused(event: NackEvent): void;
  slow(event: SlowClientEvent): void;
  /** A request that can't be one; its stream ends. */
  invalid(peer: string, reason: string): void;
  /** Our own fault. */
  failed(peer: string, error: unknown): void;
  limited(peer: string, fields: object, message: string): void;
}

/** Of a client's own words. */
const MAX_WORDS = 2000;

export function createClientLog(warn: Warn): ClientLog {
  const denied = limitLines(warn);
  const invalid = limitLines(warn);
  const limited = limitLines(warn);
  // A refusal is followed by those of the search for what is at fault.
  const refused = limitLines(warn, { lines: 200, perSource: 50 });
  return {
    denied({ peer, node, key, code, reason }) {
      const fields = { peer, node: node?.slice(0, MAX_WORDS), key: key?.slice(0, MAX_WORDS), code };
      const said = reason.slice(0, MAX_WORDS);
      denied(hostOf(peer), { ...fields, reason: said }, `an xDS client is turned away: ${said}`);
    },
    refused({ stream, node, key, typeUrl, version, errorDetail }) {
      const error = errorDetail.message.slice(0, MAX_WORDS);
      const fields = { node: node.id, key, typeUrl, version, error };
      refused(hostOf(stream.peer), fields, "a proxy refused its configuration");
    },
    slow({ stream, waitingFor, typeUrl, waitedMs, bytes, closed }) {
      const what = waitingFor === "reading" ? `hasn't read ${bytes} bytes` : `hasn't answered a response (${typeUrl})`;
      limited(
        hostOf(stream.peer),
        { peer: stream.peer, node: stream.node?.id, key: stream.key, typeUrl, waitedMs, bytes },
        `an xDS client ${what} for ${Math.round(waitedMs / 1000)} s${closed ? ": it is given up" : ""}`,
      );
    },
    invalid: (peer, reason) =>
      invalid(hostOf(peer), { peer, reason: reason.slice(0, MAX_WORDS) }, "invalid xDS request"),
    failed: (peer, err) => invalid(hostOf(peer), { peer, err }, "an xDS stream failed"),
    limited: (peer, fields, message) => limited(hostOf(peer), { peer, ...fields }, message),
  };
}
