import { stringify } from "yaml";
import { tables } from "../../../generated/envoy/tables.ts";
import { type JsonValue, toJson } from "../../../src/resources/index.ts";
import type { Translated } from "./input.ts";

const json = (typeName: string, message: unknown): JsonValue =>
  toJson(tables.message(typeName), message, { types: (name) => tables.find(name) });

/** A translation as YAML: Envoy's resources in their JSON form, then the problems. */
export function renderTranslated({ listeners, virtualHosts, upstreams }: Translated): string {
  const some = <T>(items: readonly T[]): readonly T[] | undefined => (items.length === 0 ? undefined : items);
  const resources = <T>(typeName: string, items: readonly T[], message: (item: T) => object | undefined) =>
    some(
      items.flatMap((item) => {
        const found = message(item);
        return found === undefined ? [] : [json(typeName, found)];
      }),
    );
  const problems = [...listeners, ...virtualHosts, ...upstreams].flatMap((unit) => unit.problems);
  const view = {
    listeners: resources("envoy.config.listener.v3.Listener", listeners, ({ listener }) => listener),
    virtualHosts: resources("envoy.config.route.v3.VirtualHost", virtualHosts, ({ virtualHost }) => virtualHost),
    clusters: resources("envoy.config.cluster.v3.Cluster", upstreams, ({ cluster }) => cluster),
    problems: some(
      problems.map(({ severity, path, message, sources }) => ({
        [severity]: message,
        path,
        sources: sources.map(({ kind, ref }) => `${kind} ${ref.namespace}.${ref.name}`).join(", "),
      })),
    ),
  };
  return stringify(view, { lineWidth: 0, aliasDuplicateObjects: false });
}
