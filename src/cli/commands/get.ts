import { ProxyKind, SecretKind, type VirtualService, VirtualServiceKind } from "../../../generated/sdk/index.ts";
import { combineErrors, EpoxyError, isNotFound } from "../../errors/index.ts";
import { type AnyKind, parseSelector, type Resource, type Selector } from "../../resources/index.ts";
import type { Problem } from "../../storage/index.ts";
import type { Invocation } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { problemJson } from "../failure.ts";
import { findKind } from "../find-kind.ts";
import { type PrintOptions, printResources } from "../print-resources.ts";
import { printable } from "../printable.ts";
import { openStores, type Stores } from "../stores.ts";
import { UsageError } from "../usage-error.ts";
import type { getOptions } from "./resource-specs.ts";

/** `epoxy get`. Resolves to 1 if something could not be read. */
export async function get({
  values,
  arguments: words,
  terminal,
  signal,
}: Invocation<typeof getOptions>): Promise<number> {
  const kind = findKind(words[0] ?? "");
  const wantsRoutes = kind.kind === VirtualServiceKind.kind && /^r(outes?)?$/.test(words[1] ?? "");
  const named = [...words.slice(wantsRoutes ? 2 : 1), ...(values.name === undefined ? [] : [values.name])];
  const selector = values.selector === undefined ? undefined : selectorOf(values.selector);
  if (selector !== undefined && named.length > 0) throw new UsageError("give names or a selector, not both");
  const isProxy = kind.kind === ProxyKind.kind;
  if (values.served && !isProxy) throw new UsageError("option --served is for proxies: epoxy get proxies --served");
  if (values.served && values.watch) throw new UsageError("--served prints what is there: leave out --watch");
  const askControlPlane = async (): Promise<readonly Resource[]> => {
    const { servedProxies } = await import("../served-proxies.ts");
    return servedProxies(values["admin-address"], { namespace: values.namespace, names: named, selector }, signal);
  };
  if (values.served) {
    const statusNamespace = values.namespace;
    terminal.out(printResources(kind, await askControlPlane(), { format: values.output, statusNamespace }));
    return 0;
  }
  await using stores = await openStores(values, signal, "existing");
  if (values.watch) {
    if (wantsRoutes) throw new UsageError("routes can't be watched: watch the virtual service");
    const { watchResources } = await import("../watch-resources.ts");
    const format = values.output;
    const printing = { format, statusNamespace: stores.statusNamespace, showSecrets: values["show-secrets"] };
    const namespaces = kind.scope === "cluster" ? [] : [values.namespace];
    const wanted = { namespaces, selector, names: new Set(named), signal };
    return await watchResources(await stores.clients<Resource>(kind), wanted, printing, terminal);
  }
  const stored = find(stores, kind, values.namespace, [...new Set(named)], selector, signal);
  const { items, problems } = isProxy ? await orServed(stored, askControlPlane, terminal) : await stored;
  for (const { error, ref } of problems) {
    terminal.error(
      values.output === "json"
        ? `${JSON.stringify({ error: { code: error.code, message: error.message, problems: [problemJson(error)] }, ref })}\n`
        : `error: ${printable(error.message)}\n`,
    );
  }
  const options: PrintOptions = {
    format: values.output,
    statusNamespace: stores.statusNamespace,
    showSecrets: values["show-secrets"],
  };
  if (wantsRoutes) {
    if (items.length > 1 && named.length === 0) throw new UsageError(chooseOne(items));
    const { printRoutes } = await import("../print-routes.ts");
    terminal.out(items.map((item) => printRoutes(item as VirtualService, values.output)).join(""));
  } else {
    const text = printResources(kind, items, options);
    terminal.out(text);
    if (kind.kind === SecretKind.kind && text.includes("[redacted]") && values.output !== "json") {
      terminal.error("note: secret values are redacted; --show-secrets prints them\n");
    }
  }
  return problems.length === 0 ? 0 : 1;
}

function chooseOne(items: readonly Resource[]): string {
  const names = items.map(({ metadata }) => metadata?.name).join(", ");
  return `there are ${items.length} virtual services, name one: epoxy get virtualservice route NAME (${names})`;
}

interface Found {
  readonly items: readonly Resource[];
  readonly problems: readonly Pick<Problem, "error" | "ref">[];
}

async function find(
  stores: Stores,
  kind: AnyKind,
  namespace: string,
  names: readonly string[],
  selector: Selector | undefined,
  signal: AbortSignal,
): Promise<Found> {
  const clients = await stores.clients<Resource>(kind);
  if (names.length === 0) {
    const namespaces = kind.scope === "cluster" ? [] : [namespace];
    const results = await Promise.all(clients.map((client) => client.list({ namespaces, selector, signal })));
    return {
      items: firstOfEach(results.flatMap(({ items }) => items)),
      problems: results.flatMap(({ problems }) => problems),
    };
  }
  const items: Resource[] = [];
  const problems: EpoxyError[] = [];
  for (const name of names) {
    const ref = { namespace: kind.scope === "cluster" ? "" : namespace, name };
    const tries = await Promise.allSettled(clients.map((client) => client.read(ref, { signal })));
    signal.throwIfAborted();
    const good = tries.find((attempt) => attempt.status === "fulfilled");
    if (good !== undefined) items.push(good.value);
    else
      for (const attempt of tries.slice(0, 1))
        if (attempt.status === "rejected") problems.push(asEpoxyError(attempt.reason));
  }
  if (items.length === 0) throw combineErrors(problems);
  return { items, problems: problems.map((error) => ({ error, ref: undefined })) };
}

/** What the control plane serves where none is stored, which is how it mostly is, and a note that says so. */
async function orServed(
  stored: Promise<Found>,
  askControlPlane: () => Promise<readonly Resource[]>,
  terminal: Terminal,
): Promise<Found> {
  const nothing = (error: unknown): Found | undefined => {
    if (isNotFound(error)) return undefined;
    throw error;
  };
  const found = await stored.catch(nothing);
  if (found !== undefined && (found.items.length > 0 || found.problems.length > 0)) return found;
  try {
    const items = await askControlPlane();
    if (items.length > 0) terminal.error("note: no such proxy is stored; this is what the control plane serves\n");
    return { items, problems: [] };
  } catch (error) {
    terminal.error(`note: no such proxy is stored, and none is known to be served: ${printable(messageOf(error))}\n`);
    return await stored;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** @throws UsageError with the place of what is wrong */
function selectorOf(text: string): Selector {
  try {
    return parseSelector(text);
  } catch (error) {
    throw error instanceof EpoxyError ? new UsageError(error.message) : error;
  }
}

/** With several sources of secrets, the first one that has a name wins. */
function firstOfEach(items: readonly Resource[]): readonly Resource[] {
  const seen = new Set<string>();
  return items.filter(({ metadata }) => {
    const key = `${metadata?.namespace}/${metadata?.name}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

const asEpoxyError = (error: unknown): EpoxyError =>
  error instanceof EpoxyError
    ? error
    : new EpoxyError("unavailable", error instanceof Error ? error.message : String(error));
