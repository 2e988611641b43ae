import {
  type AnyKind,
  redact,
  type Ref,
  refKey,
  refOf,
  refText,
  type Resource,
  resourceToJson,
} from "../resources/index.ts";
import type { ResourceClient, WatchOptions } from "../storage/index.ts";
import { type PrintOptions, printResources } from "./print-resources.ts";
import { printable } from "./printable.ts";
import type { Terminal } from "./terminal.ts";

export interface Watched extends WatchOptions {
  /** Empty: all. */
  readonly names: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/**
 * Prints the resources that are there, then each change, until the signal aborts: a table, or YAML, of what was created or changed, and a line
 * for what was deleted. As JSON it is one object a line: `{"type": "added" | "changed" | "deleted", "kind", "object"}`.
 */
export async function watchResources(
  clients: readonly ResourceClient<Resource>[],
  { names, ...options }: Watched,
  printing: PrintOptions,
  terminal: Terminal,
): Promise<number> {
  // Watches don't keep a process alive: they may be all that is left of one that wants to end.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await Promise.all(clients.map((client) => watchOne(client)));
  } finally {
    clearInterval(alive);
  }
  // It only ends by an interruption, which the signal's reason tells.
  options.signal.throwIfAborted();
  return 0;

  async function watchOne(client: ResourceClient<Resource>): Promise<void> {
    const known = new Set<string>();
    const reported = new Set<string>();
    for await (const event of client.watch(options)) {
      if (event.type === "stale") terminal.error(`warning: ${printable(event.error.message)}: trying again\n`);
      if (event.type === "live") terminal.error("note: the connection is back\n");
      if (event.type !== "state" && event.type !== "changes") continue;
      for (const { error } of event.problems) {
        if (!reported.has(error.message)) terminal.error(`error: ${printable(error.message)}\n`);
      }
      reported.clear();
      for (const { error } of event.problems) reported.add(error.message);
      const isWanted = (ref: Ref): boolean => names.size === 0 || names.has(ref.name);
      const items = (event.type === "state" ? event.items : event.changed).filter((item) => isWanted(refOf(item)));
      const removed = (event.type === "state" ? [] : event.removed).filter((ref) => isWanted(ref));
      print(client.kind, items, removed, known, event.type === "state");
    }
  }

  function print(
    kind: AnyKind,
    items: readonly Resource[],
    removed: readonly Ref[],
    known: Set<string>,
    isFirst: boolean,
  ): void {
    if (printing.format === "json") {
      for (const item of items) {
        const type = known.has(refKey(refOf(item))) ? "changed" : "added";
        const shown = printing.showSecrets === true ? item : redact(kind.type, item);
        const object = resourceToJson(kind, shown, { statusNamespace: printing.statusNamespace });
        terminal.out(`${JSON.stringify({ type, kind: kind.kind, object })}\n`);
      }
      for (const { namespace, name } of removed) {
        const object = { metadata: { name, namespace } };
        terminal.out(`${JSON.stringify({ type: "deleted", kind: kind.kind, object })}\n`);
      }
    } else {
      if (items.length > 0 || isFirst) terminal.out(printResources(kind, items, printing));
      for (const ref of removed) terminal.out(`${kind.kind.toLowerCase()} ${refText(ref)} deleted\n`);
    }
    for (const item of items) known.add(refKey(refOf(item)));
    for (const ref of removed) known.delete(refKey(ref));
  }
}
