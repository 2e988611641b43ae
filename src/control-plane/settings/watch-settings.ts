import { SettingsKind } from "../../../generated/sdk/index.ts";
import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import { type Ref, refKey, refOf, refText, specEquals } from "../../resources/index.ts";
import type { ResourceClient } from "../../storage/index.ts";
import type { Logger } from "../logger.ts";

/** The Settings in force; undefined: none are stored, the embedded default applies. */
export type SettingsListener = (settings: Settings | undefined) => void | Promise<void>;

/**
 * Calls `listener` with the settings first, and then whenever their specification changes, one call after the other. A broken edit keeps
 * the last good settings, with the error in the log. Ends with the signal.
 * @param onUnreadable told what is wrong each time that they can't be read, and undefined once they can
 */
export async function watchSettings(
  client: ResourceClient<Settings>,
  ref: Ref,
  logger: Logger,
  listener: SettingsListener,
  signal: AbortSignal,
  onUnreadable: (problem: string | undefined) => void = () => {},
): Promise<void> {
  let current: Settings | undefined;
  let started = false;
  let broken = "";
  for await (const event of client.watch({ namespaces: [ref.namespace], signal })) {
    if (event.type === "stale") {
      const problem = `the settings can't be read: ${event.error.message}`;
      logger.warn({ err: event.error }, problem);
      onUnreadable(problem);
    } else onUnreadable(undefined);
    if (event.type !== "state" && event.type !== "changes") continue;
    const problems = event.problems.filter(
      (problem) => problem.ref === undefined || refKey(problem.ref) === refKey(ref),
    );
    const text = problems.map(({ error }) => error.message).join("\n");
    if (text !== "" && text !== broken) {
      const kept = started && current !== undefined ? "the last good ones stay in force" : "the defaults apply";
      logger.error({ settings: refText(ref) }, `the settings are broken, ${kept}:\n${text}`);
    }
    broken = text;
    const items = event.type === "state" ? event.items : event.changed;
    const found = items.find((item) => refKey(refOf(item)) === refKey(ref));
    const gone = event.type === "changes" && event.removed.some((removed) => refKey(removed) === refKey(ref));
    if (event.type === "changes" && found === undefined && !gone) continue;
    if (started && sameSpec(current, found)) continue;
    started = true;
    current = found;
    await listener(current);
  }
}

function sameSpec(a: Settings | undefined, b: Settings | undefined): boolean {
  return a === undefined || b === undefined ? a === b : specEquals(SettingsKind, a, b);
}
