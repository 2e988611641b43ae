import { onTestFinished, expect, test } from "vitest";
import {
  createRestServer,
  createXdsCache,
  createXdsServer,
  typeUrls,
  type XdsAuthorizer,
} from "../../src/xds/index.ts";
import { jsonResource } from "./support/json-resource.ts";

const KEY = "ns~edge";
const CLUSTERS = "/v3/discovery:clusters";

/** A REST server in front of an xDS server whose only snapshot has one cluster. Returns what posts to it. */
async function start(options: { authorizer?: XdsAuthorizer; complete?: boolean } = {}) {
  const cache = createXdsCache();
  const complete = options.complete === false ? [] : true;
  cache.apply(KEY, { upsert: [jsonResource(typeUrls.cluster, "shop", { name: "shop" })], complete });
  const server = createXdsServer({
    cache,
    port: 0,
    security: { authorizer: options.authorizer },
    snapshotKey: ({ metadata }) => (typeof metadata.role === "string" ? metadata.role : undefined),
    fallbackKey: "fallback",
  });
  const rest = createRestServer({ port: 0, fetch: server.fetch, requestBytes: 1_000 });
  onTestFinished(async () => {
    await rest.close();
    await server.close();
  });
  const { port } = await rest.listen();
  return async (body: unknown, path = CLUSTERS, init: RequestInit = {}) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: text, ...init });
    return { status: answer.status, text: await answer.text() };
  };
}

const node = { id: "e", metadata: { role: KEY } };

test("answers a poll with the resources, and the next one with 304 while nothing has changed", async () => {
  const post = await start();
  const first = await post({ node });
  expect(first.status).toBe(200);
  const { versionInfo, resources } = JSON.parse(first.text);
  expect(resources).toMatchObject([{ name: "shop" }]);
  expect(await post({ node, versionInfo })).toEqual({ status: 304, text: "" });
  expect((await post({ node, versionInfo: "another" })).status).toBe(200);
});

test.each<[string, unknown, RegExp]>([
  ["no JSON", "{", /^this is no DiscoveryRequest: /],
  ["JSON of another shape", { node: "edge" }, /^this is no DiscoveryRequest: .*Node/],
  ["a request without a node", {}, /node/],
  ["a request for another type than the path's", { node, typeUrl: typeUrls.listener }, /Listener/],
])("answers %s with 400 and says what is wrong", async (_, body, message) => {
  const post = await start();
  expect(await post(body)).toEqual({ status: 400, text: expect.stringMatching(message) });
  expect((await post({ node })).status).toBe(200);
});

test("answers a client that nobody knows with 401, and one that asks for another's role with 403, with the reason", async () => {
  const asked: unknown[] = [];
  const post = await start({
    authorizer: {
      authenticate: ({ token }) =>
        token === "the-token" ? undefined : { code: "unauthenticated", reason: "needed: a valid token" },
      async authorize(_peer, { id }, key) {
        asked.push([id, key]);
        return id === "e" ? undefined : { code: "denied", reason: `${id} may not be ${key}` };
      },
    },
  });
  const known = { headers: { authorization: "Bearer the-token" } };
  expect(await post({ node })).toEqual({ status: 401, text: "needed: a valid token" });
  expect(await post({ node }, CLUSTERS, { headers: { authorization: "Bearer another" } })).toMatchObject({
    status: 401,
  });
  expect(asked).toEqual([]);
  const other = await post({ node: { ...node, id: "thief" } }, CLUSTERS, known);
  expect(other).toEqual({ status: 403, text: `thief may not be ${KEY}` });
  expect((await post({ node }, CLUSTERS, known)).status).toBe(200);
});

test("answers 403 when the authorizer fails", async () => {
  const post = await start({
    authorizer: {
      authorize() {
        throw new Error("the directory is down");
      },
    },
  });
  expect(await post({ node })).toEqual({ status: 403, text: "the authorizer failed: the directory is down" });
});

test("answers a request that is too long with 413 and says how long one may be", async () => {
  const post = await start();
  const long = { node: { ...node, id: "e".repeat(1_000) } };
  expect(await post(long)).toEqual({ status: 413, text: "more than 1000 bytes" });
  expect((await post({ node })).status).toBe(200);
});

test("answers 503 while it isn't known yet what there is", async () => {
  const post = await start({ complete: false });
  expect(await post({ node })).toEqual({ status: 503, text: "what there is isn't known yet: ask again" });
});

test("answers another path with 404 and the paths that there are, and another method with 405", async () => {
  const post = await start();
  expect(await post({ node }, "/v3/discovery:nothing")).toEqual({
    status: 404,
    text: expect.stringContaining("POST /v3/discovery:clusters,"),
  });
  expect((await post({ node }, "/v3/discovery:toString")).status).toBe(404);
  expect(await post("", CLUSTERS, { method: "PUT" })).toEqual({ status: 405, text: "only POST is allowed" });
});
