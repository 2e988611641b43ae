import type { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Ref, TranslationProblem } from "../resources/index.ts";
import { EnvoyRoute } from "./api.ts";
import type { TranslationContext } from "./context.ts";
import { concatenate, lengthDelimited } from "./length-delimited.ts";
import type { Report } from "./report.ts";
import { type RoutePlace, type TranslatedRoute, translateRoute } from "./route.ts";

/** A translated route, with its bytes as fields of a virtual host, and what there is to say of it. */
export interface EncodedRoute extends TranslatedRoute {
  readonly bytes: Uint8Array;
  readonly problems: readonly TranslationProblem[];
}

/** `routes` of VirtualHost. */
const ROUTES_FIELD = 3;

type Asked = "upstream" | "upstreamGroup" | "secret" | "kubernetesService" | "settings";

/** What a translation asked of its context, flat: name, argument, answer, and so on. */
type Answers = unknown[];

interface Remembered {
  readonly place: RoutePlace;
  readonly sources: string;
  readonly maxBodyBytes: number | undefined;
  readonly kubernetes: boolean;
  readonly answers: Answers;
  readonly encoded: EncodedRoute;
}

/*
 * A virtual host of thousands of routes is translated anew when one of them changes. The others are the same objects as before, so
 * what came of them is remembered, beside all that it depended on; a route whose surroundings differ is translated.
 */
const remembered = new WeakMap<Route, Remembered>();

/**
 * Translates and encodes a route, or gives what came of it the last time if nothing that it depends on has changed. Asks the context the
 * same as a translation would, so that whoever tracks look-ups sees them all.
 * @param sources stands for all that `report` says about where the route came from
 */
export function encodeRoute(
  route: Route,
  place: RoutePlace,
  context: TranslationContext,
  sources: string,
  createRouteReport: () => Report,
): EncodedRoute {
  const known = remembered.get(route);
  if (
    known !== undefined &&
    known.place.index === place.index &&
    known.place.virtualHost === place.virtualHost &&
    known.place.refused === place.refused &&
    known.sources === sources &&
    known.maxBodyBytes === context.maxDirectResponseBodyBytes &&
    known.kubernetes === (context.kubernetesService !== undefined) &&
    answersSame(known.answers, context)
  ) {
    return known.encoded;
  }
  const answers: Answers = [];
  const report = createRouteReport();
  const translated = translateRoute(route, place, recording(context, answers), report);
  const fields = translated.routes.map((it) => lengthDelimited(ROUTES_FIELD, EnvoyRoute.encode(it).finish()));
  const encoded = { ...translated, bytes: concatenate(fields), problems: report.problems };
  remembered.set(route, {
    place,
    sources,
    maxBodyBytes: context.maxDirectResponseBodyBytes,
    kubernetes: context.kubernetesService !== undefined,
    answers,
    encoded,
  });
  return encoded;
}

function recording(context: TranslationContext, answers: Answers): TranslationContext {
  const note = <T>(asked: Asked, ref: Ref | undefined, answer: T): T => {
    answers.push(asked, ref, answer);
    return answer;
  };
  const { kubernetesService } = context;
  return {
    upstream: (ref) => note("upstream", ref, context.upstream(ref)),
    upstreamGroup: (ref) => note("upstreamGroup", ref, context.upstreamGroup(ref)),
    secret: (ref) => note("secret", ref, context.secret(ref)),
    kubernetesService: kubernetesService && ((ref) => note("kubernetesService", ref, kubernetesService(ref))),
    get settings() {
      return note("settings", undefined, context.settings);
    },
    maxDirectResponseBodyBytes: context.maxDirectResponseBodyBytes,
  };
}

/** Asks everything again. An answer that is another object is taken for another answer. */
function answersSame(answers: Answers, context: TranslationContext): boolean {
  for (let i = 0; i < answers.length; i += 3) {
    const asked = answers[i] as Asked;
    const answer = asked === "settings" ? context.settings : context[asked]?.(answers[i + 1] as Ref);
    if (answer !== answers[i + 2]) return false;
  }
  return true;
}
