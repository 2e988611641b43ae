import type { Graph } from "../../../src/collections/index.ts";

/** The same graph, with another `derive`. */
export function withDerive(graph: Graph, derive: Graph["derive"]): Graph {
  return new Proxy(graph, {
    get(target, property) {
      if (property === "derive") return derive;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
