import type { EnvoyDirectResponseAction } from "./api.ts";
import { ClusterNotFoundResponseCode } from "./api.ts";
import type { TranslationContext, TranslationSettings } from "./context.ts";

/** The answer of a route that can't do what it was meant to. Short, and silent about names: clients see it. */
export const directResponse = (status: number, body: string): EnvoyDirectResponseAction => ({
  status,
  body: body === "" ? undefined : { specifier: { $case: "inlineString", value: body }, watchedDirectory: undefined },
  bodyFormat: undefined,
});

/** Envoy's default for `max_direct_response_body_size_bytes`. */
const DEFAULT_MAX_BODY_BYTES = 4096;

/** The longest body that the listener takes; Envoy refuses the virtual host for a longer one. */
export const maxBodyBytes = (context: TranslationContext): number =>
  context.maxDirectResponseBodyBytes ?? DEFAULT_MAX_BODY_BYTES;

/** The answer as it is, or without a body that the listener wouldn't take. */
export function fitBody(answer: EnvoyDirectResponseAction, context: TranslationContext): EnvoyDirectResponseAction {
  const body = answer.body?.specifier;
  if (body?.$case !== "inlineString" || Buffer.byteLength(body.value) <= maxBodyBytes(context)) return answer;
  return { ...answer, body: undefined };
}

/** Of a route with errors. */
export const FAULTY = directResponse(500, "This route's configuration has errors.\n");

/** Of a route, or all of a virtual host or listener, whose protection can't be put in force. */
export const UNPROTECTED = directResponse(503, "This route is not served, since its protection is not in force.\n");

/** Of a route whose kind of destination isn't supported. */
export const UNSUPPORTED = directResponse(503, "This route's kind of destination is not supported.\n");

const MISSING = directResponse(503, "This route has no destination.\n");

/** Code where `replaceInvalidRoutes` is set without a usable one; what Gloo's API says is the default. */
const DEFAULT_REPLACED_CODE = 404;

const replacedCode = (code: number): number => (code >= 200 && code < 600 ? code : DEFAULT_REPLACED_CODE);

/** Of a route whose destination doesn't exist: 503, or what the settings' `invalidConfigPolicy` says. */
export function missingDestination(settings: TranslationSettings): EnvoyDirectResponseAction {
  const policy = settings.invalidConfigPolicy;
  if (policy?.replaceInvalidRoutes !== true) return MISSING;
  return directResponse(replacedCode(policy.invalidRouteResponseCode), policy.invalidRouteResponseBody);
}

/** The same for a share of weighted destinations, for which Envoy knows three codes and no body. */
export function missingDestinationCode(settings: TranslationSettings): ClusterNotFoundResponseCode {
  const policy = settings.invalidConfigPolicy;
  if (policy?.replaceInvalidRoutes !== true) return ClusterNotFoundResponseCode.SERVICE_UNAVAILABLE;
  switch (replacedCode(policy.invalidRouteResponseCode)) {
    case 404:
      return ClusterNotFoundResponseCode.NOT_FOUND;
    case 500:
      return ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR;
    default:
      return ClusterNotFoundResponseCode.SERVICE_UNAVAILABLE;
  }
}
