import { EpoxyError } from "../errors/index.ts";
import type { AnyKind } from "./kind.ts";

/** All kinds that a program knows. */
export interface Registry {
  readonly all: readonly AnyKind[];
  /** By `group/version` and kind, as in Kubernetes' YAML. */
  byKind(apiVersion: string, kind: string): AnyKind | undefined;
  /** By plural, singular or short name, whatever the case: `virtualservices`, `VirtualService`, `vs`. */
  byName(name: string): AnyKind | undefined;
}

/** `group/version`, as in Kubernetes' YAML. */
export const apiVersionOf = (kind: AnyKind): string => `${kind.group}/${kind.version}`;

/** @throws `invalid` if two kinds have one name */
export function createRegistry(kinds: readonly AnyKind[]): Registry {
  const kindsByName = new Map<string, AnyKind>();
  const kindsByKind = new Map<string, AnyKind>();
  for (const kind of kinds) {
    kindsByKind.set(`${apiVersionOf(kind)} ${kind.kind}`, kind);
    for (const name of new Set([kind.plural, kind.kind, ...kind.shortNames].map((text) => text.toLowerCase()))) {
      const other = kindsByName.get(name);
      if (other !== undefined && other !== kind) {
        throw new EpoxyError("invalid", `${other.kind} and ${kind.kind} both have the name "${name}": rename one`);
      }
      kindsByName.set(name, kind);
    }
  }
  return {
    all: [...kinds],
    byKind: (apiVersion, kind) => kindsByKind.get(`${apiVersion} ${kind}`),
    byName: (name) => kindsByName.get(name.toLowerCase()),
  };
}
