import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { AnyKind } from "../../../src/resources/index.ts";
import { GadgetKind, TerritoryKind, WidgetKind } from "../../contracts/support/kinds.ts";

const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** Takes whatever a test puts there, also what no Epoxy would. */
const openCrd = (kind: AnyKind): object => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${kind.plural}.${kind.group}` },
  spec: {
    group: kind.group,
    names: { kind: kind.kind, plural: kind.plural, singular: kind.kind.toLowerCase() },
    scope: kind.scope === "cluster" ? "Cluster" : "Namespaced",
    versions: [
      {
        name: kind.version,
        served: true,
        storage: true,
        ...(kind.hasStatus ? { subresources: { status: {} } } : {}),
        schema: { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } },
      },
    ],
  },
});

/** Of the kinds of the storage contract. */
export const contractCrds: readonly object[] = [WidgetKind, GadgetKind, TerritoryKind].map(openCrd);

/** As they are generated, of kinds of Epoxy's. */
export const generatedCrds = (...kinds: readonly AnyKind[]): readonly object[] =>
  kinds.map(({ plural, group }) => parse(readFileSync(`generated/crds/${plural}.${group}.yaml`, "utf8")));
