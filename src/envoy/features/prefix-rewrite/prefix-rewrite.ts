import { headerValueFault } from "../../checks/header.ts";
import type { Feature } from "../../feature.ts";

/** `prefixRewrite`: replaces the matched prefix (of a regex or exact match: the whole path) before forwarding. */
export const prefixRewrite: Feature = {
  name: "prefixRewrite",
  stage: "route",
  implements: { route: ["prefixRewrite"] },
  route({ prefixRewrite: rewrite }, { path, report }) {
    if (rewrite === undefined) return undefined;
    const fault = headerValueFault(rewrite);
    if (fault !== undefined) {
      report.error(`${path}.prefixRewrite`, fault);
      return undefined;
    }
    if (rewrite === "") report.warn(`${path}.prefixRewrite`, "an empty rewrite has no effect: write / for the root");
    return { action: { prefixRewrite: rewrite } };
  },
};
