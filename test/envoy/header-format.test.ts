import { expect, test } from "vitest";
import { translateYaml, virtualHostYaml } from "./support/input.ts";
import { validateWithEnvoy } from "./support/validate.ts";

const accepted = [
  "plain",
  "100%%",
  "%REQ(x-request-id)%",
  "%REQ(:path?x-original-path):20%",
  "%RESP(content-type)%%TRAILER(x)%",
  "%START_TIME%",
  "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
  "%DYNAMIC_METADATA(envoy.lb:key):5%",
  "%UPSTREAM_METADATA(envoy.lb:key)%%CLUSTER_METADATA(a:b)%",
  "%METADATA(ROUTE:a:b)%",
  "%FILTER_STATE(a:PLAIN):5%%FILTER_STATE(a:FIELD:b)%",
  "%PATH(WQ:ORIG)%%QUERY_PARAM(page)%",
  "%PROTOCOL%-%RESPONSE_CODE%-%UPSTREAM_CLUSTER%-%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
];

const refused = [
  "100%",
  "% %",
  "%REQ%",
  "%REQ()%",
  "%REQ(a b)%",
  "%REQ(a?b?c)%",
  "%UPSTREAM_METADATA(a:b):5%",
  "%METADATA(a:b)%",
  "%FILTER_STATE(a:NONE)%",
  "%PATH(ALL)%",
  "%PROTOCOL:5%",
  "%PROTOCOL()%",
  "%NO_SUCH_COMMAND%",
];

const header = (value: string) => `{header: {key: x, value: ${JSON.stringify(value)}}}`;

function translate(values: readonly string[]) {
  const routes = values.map((value) => {
    const added = `requestHeadersToAdd: [${header(value)}], responseHeadersToAdd: [${header(value)}]`;
    return `- {directResponseAction: {status: 200}, options: {headerManipulation: {${added}}}}`;
  });
  const [virtualHost] = translateYaml(virtualHostYaml(routes.join("\n"))).virtualHosts;
  if (virtualHost?.virtualHost === undefined) throw new Error("the input has no virtual host");
  return { ...virtualHost, virtualHost: virtualHost.virtualHost };
}

test("the formats that are let through are accepted by a real Envoy, too", async () => {
  const { virtualHost, problems } = translate(accepted);
  expect(problems).toEqual([]);
  expect(await validateWithEnvoy({ virtualHosts: [virtualHost] })).toBeUndefined();
});

test.each(refused)("%j is an error, so that Envoy never refuses the virtual host for it", (value) => {
  const { virtualHost, problems } = translate([value]);
  expect(problems).toMatchObject([{ severity: "error" }, { severity: "error" }]);
  expect(virtualHost.routes[0]).toMatchObject({ action: { value: { status: 500 } }, requestHeadersToAdd: [] });
});
