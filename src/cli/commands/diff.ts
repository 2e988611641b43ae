import { redact, refOf, refText, renderResource, type Resource, specEquals } from "../../resources/index.ts";
import { readStored } from "../apply-resource.ts";
import type { Invocation } from "../command.ts";
import { printable } from "../printable.ts";
import { openStores } from "../stores.ts";
import { unifiedDiff } from "../unified-diff.ts";
import { readAll } from "./apply.ts";
import type { diffOptions } from "./apply-specs.ts";

interface Difference {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly diff: string;
}

/** `epoxy diff`. Resolves to 1 if something differs. */
export async function diff({ values, terminal, signal }: Invocation<typeof diffOptions>): Promise<number> {
  const documents = await readAll(values.file, terminal, values.namespace);
  await using stores = await openStores(values, signal);
  const differences: Difference[] = [];
  for (const { kind, resource } of documents) {
    const stored = await readStored(await stores.client<Resource>(kind), refOf(resource), signal);
    if (stored !== undefined && specEquals(kind, stored, resource)) continue;
    const text = (one: Resource | undefined): string => {
      if (one === undefined) return "";
      const shown = values["show-secrets"] ? one : redact(kind.type, one);
      const plain = { ...shown, namespacedStatuses: undefined } as Resource;
      return renderResource(kind, plain, { shape: "kubernetes", omitVersion: true });
    };
    const label = `${kind.kind.toLowerCase()} ${refText(refOf(resource))}`;
    const lines = unifiedDiff(text(stored), text(resource), `stored ${label}`, `given ${label}`);
    const shown =
      lines === ""
        ? `--- stored ${label}\n+++ given ${label}\nonly secret values differ (--show-secrets shows them)\n`
        : lines;
    differences.push({ kind: kind.kind, ...refOf(resource), diff: shown });
  }
  if (values.json) terminal.out(`${JSON.stringify(differences, undefined, 2)}\n`);
  else terminal.out(differences.map((difference) => printable(difference.diff)).join(""));
  return differences.length === 0 ? 0 : 1;
}
