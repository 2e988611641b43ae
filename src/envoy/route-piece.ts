import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Route } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { Lookup } from "../collections/index.ts";
import type { TranslationProblem } from "../resources/index.ts";
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

/** `routes` of VirtualHost and `name` of Route. */
const ROUTES_FIELD = 3;
const NAME_FIELD = 14;

/** Keeps what came of a piece as long as nothing that it depends on changes. */
export type KeepPart = Lookup["part"];

/** So many pieces are kept together in one, so that a change among thousands looks at few of them. */
const GROUP = 32;

/**
 * Translates and encodes the routes of a virtual host, piece by piece. Where pieces are many, groups of them come as one.
 *
 * While the routes of a table stay as they are, so do the bytes. Where only those before it became more or fewer, its routes are given
 * other names, which have their position in them, and nothing is translated.
 *
 * @param reportOf - may depend on nothing but the route and `place.sources`
 */
export function encodePieces(
  pieces: readonly (readonly Route[])[],
  place: Omit<PiecePlace, "start">,
  context: TranslationContext,
  reportOf: (route: Route) => Report,
  part: KeepPart,
): readonly EncodedPiece[] {
  const [only] = pieces;
  // It is made anew each time: there is nothing to keep.
  if (only !== undefined && pieces.length === 1) return [encodePiece(only, { ...place, start: 0 }, context, reportOf)];

  const encodeEach = (some: readonly (readonly Route[])[], first: number): EncodedPiece[] => {
    let start = first;
    return some.map((routes, at) => {
      const here: PiecePlace = { ...place, start };
      start += routes.length;
      const inputs = [routes, here, context.maxDirectResponseBodyBytes];
      return part(at, inputs, () => encodePiece(routes, here, context, reportOf));
    });
  };
  if (pieces.length <= GROUP) return encodeEach(pieces, 0);
  const groups: EncodedPiece[] = [];
  let first = 0;
  for (let at = 0; at < pieces.length; at += GROUP) {
    const group = pieces.slice(at, at + GROUP);
    const start = first;
    for (const { length } of group) first += length;
    const inputs = [group, place, start, context.maxDirectResponseBodyBytes];
    groups.push(part(`from ${at}`, inputs, () => asOne(encodeEach(group, start))));
  }
  return groups;
}

function asOne(pieces: readonly EncodedPiece[]): EncodedPiece {
  return {
    bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)),
    clusters: [...new Set(pieces.flatMap(({ clusters }) => clusters))],
    problems: pieces.flatMap(({ problems }) => problems),
  };
}

function encodePiece(
  routes: readonly Route[],
  place: PiecePlace,
  context: TranslationContext,
  reportOf: (route: Route) => Report,
): EncodedPiece {
  const { start, refused, sources } = place;
  return join(
    place,
    routes.map((route, at) =>
      encodeRoute(route, { index: start + at, refused }, context, sources, () => reportOf(route)),
    ),
  );
}

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
