import type { ResourceKey, TranslationProblem } from "../../resources/index.ts";

/** Something wrong with a resource of a configuration that was checked. */
export interface Finding extends ResourceKey {
  readonly severity: TranslationProblem["severity"];
  readonly message: string;
  /** Path from the resource's top, such as `virtualHost.routes[0]`; undefined: the resource as a whole. */
  readonly path: string | undefined;
  /** What to do, where the message doesn't say it. */
  readonly advice?: string | undefined;
}
