import { Client, credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { LoadStatsRequest } from "../../generated/envoy/envoy/service/load_stats/v3/lrs.ts";
import { createControlPlane } from "../../src/control-plane/index.ts";
import { createBed } from "../cli/support/epoxy.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";

const same = (bytes: Buffer): Buffer => bytes;
const ROLE = "gloo-system~gateway-proxy";

/** A report of one cluster, from two localities. */
const report = (id: string, successful: number, failed: number): Buffer => {
  const locality = { totalSuccessfulRequests: successful, totalErrorRequests: failed, totalIssuedRequests: 10 };
  return Buffer.from(
    LoadStatsRequest.encode(
      LoadStatsRequest.fromPartial({
        node: { id, metadata: { role: ROLE } },
        clusterStats: [
          {
            clusterName: "shop",
            totalDroppedRequests: 3n,
            upstreamLocalityStats: [locality, { totalRequestsInProgress: 4n, totalErrorRequests: 1n }],
          },
        ],
      } as never),
    ).finish(),
  );
};

test("what proxies report of their load is added up in epoxy_lrs_requests_total and shown, by proxy, at /debug/loadz", async () => {
  await using bed = await createBed();
  const loopback = { host: "127.0.0.1", port: 0 };
  await using running = await createControlPlane({
    dataDirectory: bed.dir,
    xdsAddress: loopback,
    adminAddress: loopback,
  });
  const client = new Client(`127.0.0.1:${running.xdsAddress?.port}`, credentials.createInsecure());
  try {
    const admin = async (path: string) => (await httpGet(`http://127.0.0.1:${running.adminAddress?.port}${path}`)).body;
    const open = (first: Buffer) => {
      const path = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";
      const call = client.makeBidiStreamRequest(path, same, same);
      call.on("error", () => {}).on("data", () => {});
      call.write(first);
      return call;
    };
    const one = open(report("one", 5, 2));
    one.write(report("one", 5, 2));
    open(report("two", 1, 0));
    const loads = async (query = "") => JSON.parse(await admin(`/debug/loadz${query}`)).reports;
    await waitFor(async () => {
      const reports: { issued: number }[] = await loads();
      return reports.reduce((sum, { issued }) => sum + issued, 0) === 30;
    });
    const reported = { key: ROLE, cluster: "shop", inProgress: 4, reportedAt: expect.closeTo(Date.now(), -5) };
    const ofOne = { node: "one", ...reported, successful: 10, failed: 6, issued: 20, dropped: 6 };
    const ofTwo = { node: "two", ...reported, successful: 1, failed: 1, issued: 10, dropped: 3 };
    expect((await loads()).toSorted((a: { node: string }, b: { node: string }) => (a.node < b.node ? -1 : 1))).toEqual([
      ofOne,
      ofTwo,
    ]);
    expect(await loads("?proxyID=two")).toEqual([ofTwo]);
    const metrics = [...(await admin("/metrics")).matchAll(/^epoxy_lrs_requests_total\{(.*)\} (\d+)$/gm)];
    const sums = Object.fromEntries(metrics.map(([, labels, value]) => [labels, Number(value)]));
    const labels = (result: string) => `proxy="${ROLE}",cluster="shop",result="${result}"`;
    expect(sums).toMatchObject({ [labels("successful")]: 11, [labels("failed")]: 7, [labels("dropped")]: 9 });
    one.cancel();
    await waitFor(async () => (await loads()).length === 1);
    expect(await admin("/metrics")).toContain(`${labels("successful")}} 11`);
  } finally {
    client.close();
  }
});
