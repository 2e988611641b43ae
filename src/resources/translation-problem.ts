import type { Ref } from "./ref.ts";

/** A resource as translators name it: `kind` is the plain kind, such as `VirtualService`. */
export interface ResourceKey {
  readonly kind: string;
  readonly ref: Ref;
}

/** What a translator has to say of the resources it read. It never throws on their content. */
export interface TranslationProblem {
  readonly severity: "error" | "warning";
  /** For people; ends up in the status of each of `sources`. */
  readonly message: string;
  /** Path of the field concerned, from the resource's top, such as `virtualHost.routes[0].options.jwt`. */
  readonly path?: string | undefined;
  /** Whom it concerns, outermost first: a VirtualService, then the RouteTable that holds the route. */
  readonly sources: readonly ResourceKey[];
}
