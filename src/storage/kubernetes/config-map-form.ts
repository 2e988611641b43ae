import type { KubeObject } from "../../kubernetes/index.ts";
import type { ObjectForm } from "./object-codec.ts";

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** Elections of older Kubernetes clients are held in ConfigMaps, which then change every other second. */
const election = "control-plane.alpha.kubernetes.io/leader";

/** Artifacts are ConfigMaps, as in Gloo. Binary data stays as it is, unread. */
export const configMapForm: ObjectForm = {
  resource: { group: "", version: "v1", plural: "configmaps", namespaced: true },
  keepsOthers: true,
  read(object) {
    if (object.metadata?.annotations?.[election] !== undefined) return undefined;
    const { data = {} } = object as ConfigMap;
    return { data };
  },
  write({ spec }, stored) {
    const { binaryData } = (stored ?? {}) as ConfigMap;
    return { apiVersion: "v1", kind: "ConfigMap", data: spec["data"] ?? {}, ...(binaryData && { binaryData }) };
  },
};
