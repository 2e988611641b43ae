import type { Feature } from "../../feature.ts";
import { translateRegexRewrite } from "../../regex-rewrite.ts";

/** `regexRewrite`: replaces what a regex finds in the path before forwarding. Envoy refuses it beside `prefixRewrite`. */
export const regexRewrite: Feature = {
  name: "regexRewrite",
  stage: "route",
  implements: { route: ["regexRewrite"] },
  route({ regexRewrite: rewrite, prefixRewrite }, { path, report, context }) {
    if (rewrite === undefined) return undefined;
    if (prefixRewrite !== undefined && prefixRewrite !== "") {
      report.error(`${path}.regexRewrite`, "set either prefixRewrite or regexRewrite, not both");
      return undefined;
    }
    const translated = translateRegexRewrite(rewrite, `${path}.regexRewrite`, context, report);
    return translated && { action: { regexRewrite: translated } };
  },
};
