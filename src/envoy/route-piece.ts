import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { TranslationProblem } from "../resources/index.ts";
import { type Answers, answersSame, createRecorder } from "./answers.ts";
import type { EnvoyDirectResponseAction } from "./api.ts";
import type { TranslationContext } from "./context.ts";
import { routeName } from "./names.ts";
import type { Report } from "./report.ts";
import { type EncodedRoute, encodeRoute } from "./route-memo.ts";

/** Some routes of a virtual host, one after the other. */
export interface EncodedPiece {
  /** As fields of a virtual host. */
  readonly bytes: Uint8Array;
  readonly clusters: readonly string[];
  readonly problems: readonly TranslationProblem[];
}

/** Where the routes of a piece stand, and what they have in common. */
export interface PiecePlace {
  /** Name of the virtual host in Envoy. */
  readonly virtualHost: string;
  /** Position of the first route among all of the virtual host. */
  readonly start: number;
  /** The answer of every route of the virtual host, if it can't be served as it was meant. */
  readonly refused: EnvoyDirectResponseAction | undefined;
  /** Stands for all that reports say about where the virtual host came from. */
  readonly sources: string;
}

interface Remembered {
  readonly place: PiecePlace;
  readonly maxBodyBytes: number | undefined;
  readonly answers: Answers;
  readonly encoded: EncodedPiece;
}

/** `routes` of VirtualHost and `name` of Route. */
const ROUTES_FIELD = 3;
const NAME_FIELD = 14;

/*
 * What came of a piece is remembered by its list: while the routes of a table stay as they are, so does the list. Where only those before it
 * became more or fewer, its routes are given other names, which have their position in them, and nothing is translated.
 */
const remembered = new WeakMap<readonly Route[], Remembered>();

/**
 * Translates and encodes some routes, or gives what came of them the last time; in either case the context is asked the same. `keep` false: the
 * list is made anew each time, so there is nothing to remember.
 */
export function encodePiece(
  routes: readonly Route[],
  place: PiecePlace,
  context: TranslationContext,
  reportOf: (route: Route) => Report,
  keep: boolean,
): EncodedPiece {
  const known = remembered.get(routes);
  if (
    known !== undefined &&
    known.maxBodyBytes === context.maxDirectResponseBodyBytes &&
    samePlace(known.place, place) &&
    answersSame(known.answers, context)
  ) {
    return known.encoded;
  }
  const recorder = createRecorder(context);
  const encoded = join(
    place,
    routes.map((route, at) =>
      encodeRoute(route, { index: place.start + at, refused: place.refused }, recorder.context, place.sources, () =>
        reportOf(route),
      ),
    ),
  );
  const maxBodyBytes = context.maxDirectResponseBodyBytes;
  if (keep) remembered.set(routes, { place, maxBodyBytes, answers: recorder.answers(), encoded });
  return encoded;
}

const samePlace = (a: PiecePlace, b: PiecePlace): boolean =>
  a.start === b.start && a.virtualHost === b.virtualHost && a.refused === b.refused && a.sources === b.sources;

/** Puts names to the routes: since protobuf lets fields stand in any order, they come last. */
function join({ virtualHost, start }: PiecePlace, routes: readonly EncodedRoute[]): EncodedPiece {
  const writer = new BinaryWriter();
  for (const [at, { nameless, name }] of routes.entries()) {
    for (const [matcher, bytes] of nameless.entries()) {
      writer.tag(ROUTES_FIELD, WireType.LengthDelimited).fork();
      writer.raw(bytes);
      writer.tag(NAME_FIELD, WireType.LengthDelimited).string(routeName(virtualHost, start + at, name, matcher));
      writer.join();
    }
  }
  return {
    bytes: writer.finish(),
    clusters: [...new Set(routes.flatMap(({ clusters }) => clusters))],
    problems: routes.flatMap(({ problems }) => problems),
  };
}
