import { kinds } from "../../generated/sdk/index.ts";
import { type AnyKind, createRegistry, type Registry } from "../resources/index.ts";
import { UsageError } from "./usage-error.ts";

/** All kinds that the command line knows. */
export const registry: Registry = createRegistry(kinds);

/** The kind with a name, plural or short name. @throws UsageError */
export function findKind(name: string): AnyKind {
  const kind = registry.byName(name);
  if (kind !== undefined) return kind;
  const candidates = registry.all.flatMap((known) => [known.plural, known.kind.toLowerCase(), ...known.shortNames]);
  const all = registry.all.map(({ plural }) => plural).toSorted();
  throw new UsageError(`unknown kind "${name}"`, { word: name, candidates, all });
}
