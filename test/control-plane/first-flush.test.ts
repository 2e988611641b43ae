import { expect, test } from "vitest";
import { createGraph } from "../../src/collections/index.ts";
import { holdFirstFlush } from "../../src/control-plane/first-flush.ts";

test("what is derived from two kinds is derived once both are there, and later at once", async () => {
  const first = holdFirstFlush(setImmediate);
  const graph = createGraph({ schedule: first.schedule });
  const routes = graph.source<string>("routes");
  const backends = graph.source<string>("backends");
  const seen: (string | undefined)[] = [];
  graph.derive("pairs", routes, (route, _key, lookup) => {
    const backend = lookup.get(backends, route);
    seen.push(backend);
    return backend;
  });
  routes.set("a", "b");
  await new Promise(setImmediate);
  backends.set("b", "c");
  first.release();
  await graph.settled();
  expect(seen).toEqual(["c"]);
  backends.set("b", "d");
  await graph.settled();
  expect(seen).toEqual(["c", "d"]);
});
