import type { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { TranslationProblem } from "../resources/index.ts";
import { type Answers, answersSame, createRecorder } from "./answers.ts";
import { EnvoyRoute } from "./api.ts";
import type { TranslationContext } from "./context.ts";
import type { Report } from "./report.ts";
import { type RoutePlace, translateRoute } from "./route.ts";

/** A translated route, encoded but for the names of its Envoy routes, in which its position is, and what there is to say of it. */
export interface EncodedRoute {
  /** One for each matcher. */
  readonly nameless: readonly Uint8Array[];
  readonly name: string;
  /** Names of the clusters that it routes to. */
  readonly clusters: readonly string[];
  readonly problems: readonly TranslationProblem[];
}

interface Remembered {
  readonly place: RoutePlace;
  readonly sources: string;
  readonly maxBodyBytes: number | undefined;
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
    // Only problems say where the route stands.
    (known.place.index === place.index || known.encoded.problems.length === 0) &&
    known.place.refused === place.refused &&
    known.sources === sources &&
    known.maxBodyBytes === context.maxDirectResponseBodyBytes &&
    answersSame(known.answers, context)
  ) {
    return known.encoded;
  }
  const recorder = createRecorder(context);
  const report = createRouteReport();
  const { routes, clusters } = translateRoute(route, place, recorder.context, report);
  const encoded = {
    nameless: routes.map((translated) => EnvoyRoute.encode(translated).finish()),
    name: route.name,
    clusters,
    problems: report.problems,
  };
  remembered.set(route, {
    place,
    sources,
    maxBodyBytes: context.maxDirectResponseBodyBytes,
    answers: recorder.answers(),
    encoded,
  });
  return encoded;
}
