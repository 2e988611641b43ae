import type { RouteOptions } from "../../../../generated/proto/epoxy/gloo/v1/route_options.ts";
import type { EnvoyRouteAction } from "../../api.ts";
import { headerNameFault, headerValueFault } from "../../checks/header.ts";
import type { Feature, FeatureScope } from "../../feature.ts";
import { translateRegexRewrite } from "../../regex-rewrite.ts";

/** The four ways to rewrite the host before forwarding, and `appendXForwardedHost`, which keeps the original. */
export const hostRewrite: Feature = {
  name: "hostRewrite",
  stage: "route",
  implements: {
    route: ["hostRewrite", "autoHostRewrite", "hostRewritePathRegex", "hostRewriteHeader", "appendXForwardedHost"],
  },
  route(options, scope) {
    const hostRewriteSpecifier = translate(options.hostRewriteType, scope);
    const append = options.appendXForwardedHost;
    if (hostRewriteSpecifier === undefined && append === undefined) return undefined;
    return { action: { hostRewriteSpecifier, ...(append === undefined ? {} : { appendXForwardedHost: append }) } };
  },
};

function translate(
  rewrite: RouteOptions["hostRewriteType"],
  { path, report, context }: FeatureScope,
): EnvoyRouteAction["hostRewriteSpecifier"] {
  switch (rewrite?.$case) {
    case undefined:
      return undefined;
    case "autoHostRewrite":
      return { $case: "autoHostRewrite", value: rewrite.value ?? false };
    case "hostRewritePathRegex": {
      const value = translateRegexRewrite(rewrite.value, `${path}.hostRewritePathRegex`, context, report);
      return value && { $case: "hostRewritePathRegex", value };
    }
    case "hostRewrite": {
      const fault = headerValueFault(rewrite.value);
      if (fault !== undefined) report.error(`${path}.hostRewrite`, fault);
      return { $case: "hostRewriteLiteral", value: rewrite.value };
    }
    case "hostRewriteHeader": {
      const name = rewrite.value ?? "";
      const fault = headerNameFault(name, "pseudo-headers allowed");
      if (fault !== undefined) report.error(`${path}.hostRewriteHeader`, fault);
      return { $case: "hostRewriteHeader", value: name };
    }
  }
}
