import type { TranslationProblem } from "../resources/index.ts";
import type { RouteContext } from "./route-context.ts";

/**
 * What `translate` gives; or the very same as the last time, while neither what it looks up, nor `inputs`, nor where it stands has changed.
 * The same is reported either way.
 *
 * A virtual service that delegates to a thousand tables is translated anew when one of them changes: so the others cost nothing, and are
 * made of the same objects as before, which is how the translation for Envoy knows what it has made already.
 *
 * @param key - of one kind with what else is kept where `context` says
 * @param inputs - all that `translate` depends on beside its context and look-ups
 */
export function keepPart<T>(
  key: string | number,
  inputs: readonly unknown[],
  context: RouteContext,
  translate: (context: RouteContext) => T,
): T {
  const { owners, parent, name, named } = context;
  const { result, problems } = context.lookups.part(key, [inputs, owners, parent, name, named], () => {
    const reported: TranslationProblem[] = [];
    return { result: translate({ ...context, report: (problem) => reported.push(problem) }), problems: reported };
  });
  for (const problem of problems) context.report(problem);
  return result;
}

/** So many parts are kept together in one, so that a change among thousands looks at few of them. */
export const GROUP = 32;

/** A list in groups, each with the position of its first item. */
export function* groupsOf<T>(list: readonly T[]): Generator<readonly [start: number, group: readonly T[]]> {
  for (let start = 0; start < list.length; start += GROUP) yield [start, list.slice(start, start + GROUP)];
}
