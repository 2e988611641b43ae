import type { Source } from "../collections/index.ts";
import { parseRefKey, type TranslationProblem } from "../resources/index.ts";
import type { QuarantinedContent, Quarantine, StreamState, XdsEvents } from "../xds/index.ts";
import type { WithheldContent } from "./envoy-versions/versioned-cache.ts";
import type { Logger } from "./logger.ts";

export interface RefusalReportsOptions {
  readonly quarantine: Quarantine;
  streams(): StreamState[];
  /** What older proxies aren't given. */
  withheld?(): readonly WithheldContent[];
  readonly logger: Logger;
}

/** Tells users what proxies refuse: as problems of the resources that it came from, and in the log. */
export interface RefusalReports {
  /** Keeps the collection equal to what is refused now. Returns the way to end it. `elsewhere` counts proxies of other replicas. */
  attach(problems: Source<readonly TranslationProblem[]>, elsewhere?: () => ReadonlyMap<string, number>): () => void;
  /** The number of proxies has changed. */
  recount(): void;
  /** The number of proxies changes with the streams. */
  readonly xdsEvents: XdsEvents;
  close(): void;
}

/** A fleet that refuses, or reconnects, does so within moments; one report is enough. */
const DELAY_MS = 20;
const MAX_WORDS = 500;

export function reportRefusals({ quarantine, streams, withheld, logger }: RefusalReportsOptions): RefusalReports {
  const targets = new Set<Source<readonly TranslationProblem[]>>();
  const counters = new Set<() => ReadonlyMap<string, number>>();
  let problems = new Map<string, readonly TranslationProblem[]>();
  let known = new Map<string, QuarantinedContent>();
  let timer: NodeJS.Timeout | undefined;

  function report(): void {
    timer = undefined;
    const current = new Map(quarantine.list().map((it) => [idOf(it), it]));
    const proxies = countProxies(streams());
    for (const elsewhere of counters) {
      for (const [key, count] of elsewhere()) proxies.set(key, (proxies.get(key) ?? 0) + count);
    }
    for (const [id, content] of current) {
      if (content.refusals.length <= (known.get(id)?.refusals.length ?? 0)) continue;
      logger.warn(fieldsOf(content), refusalText(content, proxies.get(content.key) ?? 0));
    }
    for (const [id, content] of known) {
      if (!current.has(id)) logger.info(fieldsOf(content), `${content.name} is no longer kept from any proxy`);
    }
    known = current;
    problems = new Map(
      [...current].map(([id, content]) => [id, [refusalProblem(content, proxies.get(content.key) ?? 0)]]),
    );
    for (const content of withheld?.() ?? []) {
      const count = proxies.get(content.key) ?? 0;
      if (count > 0)
        problems.set(`withheld ${idOf({ ...content, digest: "" })} ${content.origin}`, [
          withheldProblem(content, count),
        ]);
    }
    for (const target of targets) target.replaceAll(problems);
  }

  function schedule(): void {
    timer ??= setTimeout(report, DELAY_MS).unref();
  }

  const recount = (): void => {
    if (known.size > 0 || (withheld?.().length ?? 0) > 0) schedule();
  };
  const end = quarantine.subscribe(schedule);
  return {
    attach(target, elsewhere) {
      targets.add(target);
      if (elsewhere !== undefined) counters.add(elsewhere);
      target.replaceAll(problems);
      target.markSynced();
      return () => {
        targets.delete(target);
        if (elsewhere !== undefined) counters.delete(elsewhere);
      };
    },
    recount,
    xdsEvents: { onStreamOpen: recount, onStreamClose: recount },
    close() {
      end();
      clearTimeout(timer);
    },
  };
}

/**
 * What the status says: an error where no proxy of the role has what the user wrote, or where it is kept from all that come; a warning where some
 * proxies have it.
 */
export function refusalProblem(content: QuarantinedContent, proxies: number): TranslationProblem {
  const everywhere = content.spread || content.refusals.length >= proxies;
  return {
    severity: everywhere ? "error" : "warning",
    message: refusalText(content, proxies),
    sources: sourcesOf(content.origin),
  };
}

/** Going without a field is a warning, going without the whole an error. */
function withheldProblem({ key, fields, origin, whole }: WithheldContent, proxies: number): TranslationProblem {
  const names = fields.map(({ name, since }) => `${name} (Envoy ${since.join(".")} and newer)`).join(", ");
  const count = proxies === 1 ? "1 proxy" : `${proxies} proxies`;
  const kept = whole ? "; since that is vital, all of it is withheld and what they had stays" : "";
  return {
    severity: whole ? "error" : "warning",
    message: `withheld from ${count} of ${key}, which can't know it: ${names}${kept}`,
    sources: sourcesOf(origin),
  };
}

function refusalText({ key, refusals, spread }: QuarantinedContent, proxies: number): string {
  const count = Math.max(proxies, refusals.length);
  const words = (refusals[0]?.message ?? "").replace(/\s+/g, " ").slice(0, MAX_WORDS);
  const kept = spread ? "; it is kept from proxies that don't have it yet, too" : "";
  const their = refusals.length === 1 ? "its" : "their";
  return `refused by ${refusals.length} of ${count} proxies of ${key}: ${words} (${their} last good version stays in force${kept})`;
}

/** The origin is `<kind>/<namespace>/<name>`. */
function sourcesOf(origin: string | undefined): TranslationProblem["sources"] {
  const slash = origin?.indexOf("/") ?? -1;
  if (origin === undefined || slash < 0) return [];
  return [{ kind: origin.slice(0, slash), ref: parseRefKey(origin.slice(slash + 1)) }];
}

/** Proxies by snapshot key; those that share a node id count as one. */
function countProxies(streams: readonly StreamState[]): Map<string, number> {
  const nodes = new Map<string, Set<string>>();
  for (const { key, node } of streams) {
    if (key === undefined || node === undefined) continue;
    const ids = nodes.get(key) ?? new Set();
    nodes.set(key, ids.add(node.id));
  }
  return new Map([...nodes].map(([key, ids]) => [key, ids.size]));
}

const idOf = ({
  key,
  typeUrl,
  name,
  digest,
}: Pick<QuarantinedContent, "key" | "typeUrl" | "name" | "digest">): string => `${key}|${typeUrl}|${name}|${digest}`;

const fieldsOf = ({ key, typeUrl, name, origin, refusals }: QuarantinedContent): object => ({
  proxy: key,
  typeUrl,
  resource: name,
  origin,
  nodes: refusals.slice(0, 5).map(({ node }) => node),
});
