import { bracketed } from "./fit.ts";

/** What a file imports. Names are given out when something is used, so nothing is imported in vain or twice. */
export interface Imports {
  /** The local name of a value. */
  value(name: string, module: string): string;
  /** The local name of a type. */
  type(name: string, module: string): string;
  /** The import statements, types first, in order of module. */
  render(): string;
}

/** @param taken names that the file declares itself: imports that have the same are renamed */
export function createImports(taken: Iterable<string>): Imports {
  const used = new Set(taken);
  const modules = new Map<string, Map<string, string>>();

  function use(prefix: string, name: string, module: string): string {
    const key = `${prefix}${module}`;
    const names = modules.get(key) ?? new Map<string, string>();
    modules.set(key, names);
    let local = names.get(name);
    if (local === undefined) {
      local = name;
      for (let count = 2; used.has(local); count++) local = `${name}${count}`;
      used.add(local);
      names.set(name, local);
    }
    return local;
  }

  return {
    value: (name, module) => use("import ", name, module),
    type: (name, module) => use("import type ", name, module),
    render() {
      const statements = [...modules].map(([key, names]) => {
        const at = key.lastIndexOf(" ");
        const items = [...names]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, local]) => (name === local ? name : `${name} as ${local}`));
        return {
          module: key.slice(at + 1),
          text: bracketed(`${key.slice(0, at)} `, "{}", items, ` from "${key.slice(at + 1)}";`),
        };
      });
      return statements
        .sort((a, b) => (a.module < b.module ? -1 : a.module > b.module ? 1 : a.text < b.text ? -1 : 1))
        .map(({ text }) => text)
        .join("\n");
    },
  };
}
