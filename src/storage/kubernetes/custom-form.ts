import { EpoxyError } from "../../errors/index.ts";
import type { KubeResource } from "../../kubernetes/index.ts";
import type { Kind } from "../../resources/index.ts";
import type { ObjectForm } from "./object-codec.ts";
import { objectRef, placeOf } from "./object-document.ts";

/** Custom resources: the fields are under `spec`; statuses are written by another call. */
export function customForm(kind: Kind<any>, resource: KubeResource): ObjectForm {
  return {
    resource,
    keepsOthers: false,
    read(object) {
      const { spec = {} } = object as { readonly spec?: Readonly<Record<string, unknown>> };
      if (typeof spec === "object" && spec !== null && !Array.isArray(spec)) return spec;
      const place = placeOf(resource, objectRef(object));
      throw new EpoxyError("invalid", `${place}: spec: expected an object`, {
        location: { source: place, path: "spec" },
      });
    },
    write: ({ spec }) => ({ apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, spec }),
  };
}
