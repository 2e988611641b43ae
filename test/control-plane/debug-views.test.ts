import { expect, test } from "vitest";
import { debugViews } from "../../src/control-plane/debug-views.ts";
import { createXdsCache, createXdsServer, typeUrls } from "../../src/xds/index.ts";
import { connect } from "../xds/support/grpc-client.ts";
import { resources } from "../xds/support/messages.ts";

const KEY = "ns~proxy";
const views = {
  cdsz: typeUrls.cluster,
  edsz: typeUrls.endpoint,
  ldsz: typeUrls.listener,
  rdsz: typeUrls.route,
  srdsz: typeUrls.scopedRoute,
};

test("each of Istio's views tells of its own type what a proxy has, by version and without content", async () => {
  const cache = createXdsCache();
  const types = Object.values(views);
  cache.apply(KEY, {
    upsert: types.flatMap((typeUrl, index) => resources(typeUrl, { [`r${index}`]: "MARKED" })),
    complete: true,
  });
  await using server = createXdsServer({ cache, port: 0, fallbackKey: KEY, snapshotKey: () => KEY });
  await using client = connect((await server.listen()).port);
  const stream = client.stream("delta");
  for (const typeUrl of types) {
    stream.send({ typeUrl, subscribe: ["*"] });
    stream.ack(await stream.next());
  }
  const shown = debugViews({ cache, streams: () => server.streams(), loadReports: () => [] });
  const query = new URLSearchParams({ proxyID: "envoy-1" });
  for (const [index, [view, typeUrl]] of Object.entries(views).entries()) {
    const { version } = cache.get(KEY, typeUrl, `r${index}`) ?? {};
    expect(shown[view]?.(query)).toMatchObject({ clients: [{ count: 1, resources: { [`r${index}`]: version } }] });
    expect(JSON.stringify(shown[view]?.(query))).not.toContain("MARKED");
    expect(shown[view]?.(new URLSearchParams({ proxyID: "another" }))).toEqual({ clients: [] });
  }
});
