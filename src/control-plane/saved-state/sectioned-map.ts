/** Values by section and key. The two are never put together: tens of thousands of keys are strings that others hold anyway. */
export interface SectionedMap<V> extends Iterable<readonly [section: string, key: string, value: V]> {
  readonly size: number;
  has(section: string, key: string): boolean;
  get(section: string, key: string): V | undefined;
  set(section: string, key: string, value: V): void;
  /** Whether it was there. */
  delete(section: string, key: string): boolean;
  /** Those that hold something. */
  sections(): Iterable<string>;
  entries(section: string): Iterable<readonly [key: string, value: V]>;
}

/** Makes an empty one. */
export function sectionedMap<V>(): SectionedMap<V> {
  const bySection = new Map<string, Map<string, V>>();
  return {
    get size() {
      let size = 0;
      for (const values of bySection.values()) size += values.size;
      return size;
    },
    has: (section, key) => bySection.get(section)?.has(key) === true,
    get: (section, key) => bySection.get(section)?.get(key),
    set(section, key, value) {
      let values = bySection.get(section);
      if (values === undefined) bySection.set(section, (values = new Map()));
      values.set(key, value);
    },
    delete(section, key) {
      const values = bySection.get(section);
      if (values?.delete(key) !== true) return false;
      if (values.size === 0) bySection.delete(section);
      return true;
    },
    sections: () => bySection.keys(),
    entries: (section) => bySection.get(section) ?? [],
    *[Symbol.iterator]() {
      for (const [section, values] of bySection) for (const [key, value] of values) yield [section, key, value];
    },
  };
}
