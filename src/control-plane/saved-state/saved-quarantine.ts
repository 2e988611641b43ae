import {
  type Quarantine,
  type Refusal,
  resourceFromParts,
  type Roles,
  typeUrls,
  type XdsCache,
  type XdsResource,
} from "../../xds/index.ts";
import type { SavedForm, SavedState } from "./saved-state.ts";

/** What is refused under one name, and what the proxies that refuse it are given instead, if there is anything. */
interface SavedContent {
  readonly refusals: readonly Refusal[];
  readonly lastGood: XdsResource | undefined;
}

const form: SavedForm<SavedContent> = {
  split({ refusals, lastGood }) {
    if (lastGood === undefined) return { json: { refusals }, parts: [] };
    const { typeUrl, name, resendWith, ttlMs, parts } = lastGood;
    return { json: { refusals, lastGood: { typeUrl, name, resendWith, ttlMs } }, parts };
  },
  join({ refusals, lastGood }, parts) {
    if (lastGood === undefined) return { refusals, lastGood };
    const { typeUrl, name, ...options } = lastGood;
    return { refusals, lastGood: resourceFromParts(typeUrl, name, parts, options) };
  },
};

/**
 * Keeps what proxies refuse over a restart, with the last good versions, but for secrets: else a proxy would be sent again what it
 * refused, and lose what it has instead. To be called when the cache is filled with what was served last. Returns the way to end it.
 */
export function saveQuarantine(
  quarantine: Quarantine,
  cache: XdsCache,
  state: SavedState,
  { keysOf }: Pick<Roles, "keysOf">,
): () => void {
  const section = state.section("quarantine", form);
  for (const key of section.keys()) {
    const content = section.get(key);
    if (content === undefined) continue;
    const [first] = content.refusals;
    if (first !== undefined && content.lastGood !== undefined) cache.accept(first.key, content.lastGood);
    quarantine.note(content.refusals);
  }

  let timer: NodeJS.Immediate | undefined;
  function save(): void {
    timer = undefined;
    const byName = Map.groupBy(
      quarantine.list().filter(({ typeUrl }) => typeUrl !== typeUrls.secret),
      ({ key, typeUrl, name }) => `${key} ${typeUrl} ${name}`,
    );
    for (const key of section.keys()) if (!byName.has(key)) section.delete(key);
    for (const [id, contents] of byName) {
      const [{ key, typeUrl, name }] = contents as [(typeof contents)[number]];
      const refused = new Set(contents.map(({ digest }) => digest));
      const lastGood = keysOf(key)
        .flatMap((it) => cache.accepted(it, typeUrl, name))
        .find(({ version, parts }) => !refused.has(version) && !parts.some(({ digest }) => refused.has(digest)));
      section.set(id, { refusals: contents.flatMap(({ refusals }) => refusals), lastGood });
    }
  }
  const end = quarantine.subscribe(() => {
    timer ??= setImmediate(save);
  });
  return () => {
    end();
    clearImmediate(timer);
  };
}
