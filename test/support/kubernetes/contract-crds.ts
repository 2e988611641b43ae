import type { AnyKind } from "../../../src/resources/index.ts";
import { GadgetKind, TerritoryKind, WidgetKind } from "../../contracts/support/kinds.ts";

const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** Takes whatever a test puts there, also what no Epoxy would. */
export const openCrd = (kind: AnyKind): object => ({
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
