import type { XdsResource } from "../cache/resource.ts";
import type { BareResource } from "../resource-headers.ts";

/**
 * The lifetimes of what one stream was sent of one type. The client deletes what it hears nothing of for so long, so each is told of
 * again when half of it is over.
 */
export interface Leases {
  /** What else there was is gone if `removed` is `others`. */
  sent(resources: readonly XdsResource[], removed: readonly string[] | "others"): void;
  /** The stream isn't subscribed to it any more. */
  drop(name: string): void;
  /** What is to be told of now, and of what soon would be. Taken as told. */
  due(): readonly BareResource[];
  /** When there will be something due, by `performance.now()`; undefined: never. */
  readonly next: number | undefined;
}

const NOTHING: readonly BareResource[] = [];

/** @param now milliseconds of a clock that only goes on */
export function createLeases(now: () => number = () => performance.now()): Leases {
  const leases = new Map<string, { readonly resource: BareResource & { readonly ttlMs: number }; told: number }>();

  return {
    sent(resources, removed) {
      if (removed === "others") leases.clear();
      else for (const name of removed) leases.delete(name);
      for (const { name, version, ttlMs } of resources) {
        if (ttlMs === undefined) leases.delete(name);
        else leases.set(name, { resource: { name, version, ttlMs }, told: now() });
      }
    },
    drop: (name) => void leases.delete(name),
    due() {
      if (leases.size === 0) return NOTHING;
      const at = now();
      const isDue = ({ resource: { ttlMs }, told }: { resource: { ttlMs: number }; told: number }, share: number) =>
        at - told >= ttlMs * share;
      if (![...leases.values()].some((lease) => isDue(lease, 1 / 2))) return [];
      const due = [...leases.values()].filter((lease) => isDue(lease, 1 / 3));
      for (const lease of due) lease.told = at;
      return due.map(({ resource }) => resource);
    },
    get next() {
      if (leases.size === 0) return undefined;
      return Math.min(...[...leases.values()].map(({ resource, told }) => told + resource.ttlMs / 2));
    },
  };
}
