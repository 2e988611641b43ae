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
  /** The role that a snapshot key stands for. */
  roleOf(key: string): string;
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

export function reportRefusals(options: RefusalReportsOptions): RefusalReports {
  const { quarantine, streams, withheld, roleOf, logger } = options;
  const targets = new Set<Source<readonly TranslationProblem[]>>();
  const counters = new Set<() => ReadonlyMap<string, number>>();
  let problems = new Map<string, readonly TranslationProblem[]>();
  let known = new Map<string, readonly QuarantinedContent[]>();
  let timer: NodeJS.Timeout | undefined;

  function report(): void {
    timer = undefined;
    const current = Map.groupBy(quarantine.list(), matterOf);
    const proxies = countProxies(streams());
    for (const elsewhere of counters) {
      for (const [key, count] of elsewhere()) proxies.set(key, (proxies.get(key) ?? 0) + count);
    }
    const ofRole = new Map<string, number>();
    for (const [key, count] of proxies) ofRole.set(roleOf(key), (ofRole.get(roleOf(key)) ?? 0) + count);
    const countOf = ([content]: readonly QuarantinedContent[]): number => ofRole.get(content?.key ?? "") ?? 0;
    for (const [id, contents] of current) {
      if (nodesOf(contents).size <= nodesOf(known.get(id) ?? []).size) continue;
      logger.warn(fieldsOf(contents), refusalText(contents, countOf(contents)));
    }
    for (const [id, contents] of known) {
      if (!current.has(id)) logger.info(fieldsOf(contents), `${contents[0]?.name} is no longer kept from any proxy`);
    }
    known = current;
    problems = new Map([...current].map(([id, contents]) => [id, [refusalProblem(contents, countOf(contents))]]));
    for (const content of withheld?.() ?? []) {
      const { role, key, typeUrl, name, origin } = content;
      const count = proxies.get(key) ?? 0;
      if (count === 0) continue;
      problems.set(`withheld ${key}|${typeUrl}|${name}|${origin}`, [
        withheldProblem(content, count, ofRole.get(role) ?? count),
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
 * proxies have it. `contents` came of one resource for one role; there are several where proxies of different versions are given different
 * ones. `proxies` have that role.
 */
export function refusalProblem(contents: readonly QuarantinedContent[], proxies: number): TranslationProblem {
  const everywhere = contents.some(({ spread }) => spread) || nodesOf(contents).size >= proxies;
  return {
    severity: everywhere ? "error" : "warning",
    message: refusalText(contents, proxies),
    sources: sourcesOf(contents[0]?.origin),
  };
}

/** Going without a field is a warning, going without the whole an error. */
function withheldProblem(content: WithheldContent, count: number, proxies: number): TranslationProblem {
  const { role, before, fields, origin, whole } = content;
  const names = fields.map(({ name, since }) => `${name} (Envoy ${since.join(".")} and newer)`).join(", ");
  const kept = whole ? "; since that is vital, all of it is withheld and what they had stays" : "";
  const older = `older than Envoy ${before.join(".")} and can't know it`;
  return {
    severity: whole ? "error" : "warning",
    message: `withheld from ${count} of ${proxies} proxies of ${role}, ${count === 1 ? "which is" : "which are"} ${older}: ${names}${kept}`,
    sources: sourcesOf(origin),
  };
}

function refusalText(contents: readonly QuarantinedContent[], proxies: number): string {
  const refusing = nodesOf(contents).size;
  const count = Math.max(proxies, refusing);
  const words = contents.map(({ refusals }) => (refusals[0]?.message ?? "").replace(/\s+/g, " ").slice(0, MAX_WORDS));
  const differ = new Set(contents.map(({ servedAs }) => servedAs.join())).size > 1;
  const notes = [
    `${refusing === 1 ? "its" : "their"} last good version stays in force`,
    ...(contents.some(({ spread }) => spread) ? ["it is kept from proxies that don't have it yet, too"] : []),
    ...(differ ? ["Envoys of different versions are given different contents, each of which counts by itself"] : []),
  ];
  const [role] = contents.map(({ key }) => key);
  return `refused by ${refusing} of ${count} proxies of ${role}: ${[...new Set(words)].join("; ")} (${notes.join("; ")})`;
}

/** Who refuses any of it. */
const nodesOf = (contents: readonly QuarantinedContent[]): ReadonlySet<string> =>
  new Set(contents.flatMap(({ refusals }) => refusals.map(({ node }) => node)));

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

/** What the user takes for one thing: what came of one resource, as which it is served to proxies of one role. */
const matterOf = ({ key, typeUrl, name, digest, origin }: QuarantinedContent): string =>
  `${key}|${typeUrl}|${name}|${origin ?? digest}`;

const fieldsOf = (contents: readonly QuarantinedContent[]): object => {
  const [first] = contents;
  const refusals = contents.flatMap((content) => content.refusals);
  return {
    proxy: first?.key,
    typeUrl: first?.typeUrl,
    resource: first?.name,
    origin: first?.origin,
    nodes: [...nodesOf(contents)].slice(0, 5),
    versions: [...new Set(refusals.map(({ nodeVersion }) => nodeVersion))],
  };
};
