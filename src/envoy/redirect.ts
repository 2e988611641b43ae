import { RedirectAction_RedirectResponseCode, type RedirectAction } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import { EnvoyRedirectAction } from "./api.ts";
import { headerValueFault } from "./checks/header.ts";
import type { TranslationContext } from "./context.ts";
import { translateRegexRewrite } from "./regex-rewrite.ts";
import type { Report } from "./report.ts";

const EMPTY = EnvoyRedirectAction.fromPartial({});
// The numbers of both enums are the same; 4 is the greatest.
const MAX_CODE = RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT;

/** Translates a redirect. Errors are in the report; the result is then not to be used. */
export function translateRedirect(
  redirect: RedirectAction,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyRedirectAction {
  const { hostRedirect, responseCode, httpsRedirect, stripQuery, portRedirect = 0 } = redirect;
  const hostFault = headerValueFault(hostRedirect);
  if (hostFault !== undefined) report.error(`${path}.hostRedirect`, hostFault);
  if (responseCode < 0 || responseCode > MAX_CODE)
    report.error(`${path}.responseCode`, "there is no such response code");
  if (portRedirect > 65_535) report.error(`${path}.portRedirect`, `${portRedirect} is no port`);
  return {
    ...EMPTY,
    hostRedirect,
    portRedirect,
    pathRewriteSpecifier: translatePathRewrite(redirect, path, context, report),
    schemeRewriteSpecifier: httpsRedirect ? { $case: "httpsRedirect", value: true } : undefined,
    responseCode,
    stripQuery,
  };
}

function translatePathRewrite(
  { pathRewriteSpecifier: specifier }: RedirectAction,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyRedirectAction["pathRewriteSpecifier"] {
  switch (specifier?.$case) {
    case undefined:
      return undefined;
    case "regexRewrite": {
      const value = translateRegexRewrite(specifier.value, `${path}.regexRewrite`, context, report);
      return value && { $case: "regexRewrite", value };
    }
    case "pathRedirect":
    case "prefixRewrite": {
      const fault = headerValueFault(specifier.value);
      if (fault !== undefined) report.error(`${path}.${specifier.$case}`, fault);
      return specifier;
    }
  }
}
