import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type ClientRule,
  createXdsCache,
  createXdsServer,
  type DenialEvent,
  openXdsSecurity,
  typeUrls,
  type XdsSecurity,
} from "../../src/xds/index.ts";
import { readSubjectAltNames } from "../../src/xds/security/peer.ts";
import { type Authority, type CertificateFiles, createAuthority } from "../support/certificates.ts";
import { waitFor } from "../support/wait-for.ts";
import { clientStatuses } from "./support/client-statuses.ts";
import { connect, type ConnectOptions } from "./support/grpc-client.ts";
import { resources } from "./support/messages.ts";

const { cluster: CDS } = typeUrls;
const EDGE = "ns~edge";
const CORE = "ns~core";

let authority: Authority;
let strangers: Authority;
let server: CertificateFiles;
let edge: CertificateFiles;
let stranger: CertificateFiles;

beforeAll(async () => {
  [authority, strangers] = await Promise.all([createAuthority(), createAuthority()]);
  [server, edge, stranger] = await Promise.all([
    authority.issue("server"),
    authority.issue("edge", { names: "URI:spiffe://fleet/edge/7,DNS:edge-7.internal", commonName: "edge 7" }),
    strangers.issue("edge", { names: "URI:spiffe://fleet/edge/7", commonName: "edge 7" }),
  ]);
});
afterAll(async () => {
  await Promise.all([authority[Symbol.asyncDispose](), strangers[Symbol.asyncDispose]()]);
});

interface Rig {
  readonly port: number;
  readonly denials: DenialEvent[];
  readonly log: string[];
  client(options?: ConnectOptions): ReturnType<typeof connect>;
}

/** A server whose snapshots each have the cluster that is named after the key. */
async function start(security: XdsSecurity): Promise<Rig> {
  const cache = createXdsCache();
  for (const key of [EDGE, CORE]) cache.apply(key, { upsert: resources(CDS, { [key]: "1" }), complete: true });
  const denials: DenialEvent[] = [];
  const log: string[] = [];
  const write = (fields: object, message: string) => log.push(`${message} ${JSON.stringify(fields)}`);
  const started = createXdsServer({
    cache,
    security,
    port: 0,
    snapshotKey: ({ metadata }) => (typeof metadata.role === "string" ? metadata.role : undefined),
    fallbackKey: "fallback",
    events: { onDenied: (event) => denials.push(event) },
    logger: { debug() {}, info: write, warn: write },
  });
  onTestFinished(() => started.close());
  const { port } = await started.listen();
  return {
    port,
    denials,
    log,
    client(options) {
      const client = connect(port, options);
      onTestFinished(() => client[Symbol.asyncDispose]());
      return client;
    },
  };
}

async function secure(options: { clients?: readonly ClientRule[]; files?: CertificateFiles; mutual?: boolean } = {}) {
  const log: string[] = [];
  const files = options.files ?? server;
  const opened = await openXdsSecurity({
    tls: {
      certFile: files.cert,
      keyFile: files.key,
      clientCaFile: options.mutual === false ? undefined : authority.ca,
    },
    clients: options.clients,
    intervalMs: 20,
    logger: { info: (_, message) => log.push(message), error: (_, message) => log.push(message) },
  });
  onTestFinished(() => opened.close());
  return { ...(await start(opened)), security: opened, reloads: log };
}

async function tls(shown?: CertificateFiles, ca = authority.ca) {
  const [root, key, cert] = await Promise.all([
    readFile(ca),
    shown && readFile(shown.key),
    shown && readFile(shown.cert),
  ]);
  return { credentials: credentials.createSsl(root, key, cert) };
}

const bearer = (token: string) => {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
};

/** What a client with this role is given, or why not. */
async function ask(client: ReturnType<typeof connect>, role: string, id = "edge-7", metadata?: Metadata) {
  const stream = client.stream("delta", { node: { id, metadata: { role } }, ...(metadata && { metadata }) });
  stream.send({ typeUrl: CDS });
  const answer = await Promise.race([stream.next().then((it) => Object.keys(it.resources)), stream.ended]).catch(
    () => stream.ended,
  );
  return { answer, stream };
}

describe("TLS", () => {
  test("a client that trusts the authority is served, one that trusts another doesn't talk to the server", async () => {
    const rig = await secure({ mutual: false });
    expect((await ask(rig.client(await tls()), EDGE)).answer).toEqual([EDGE]);
    expect((await ask(rig.client(await tls(undefined, strangers.ca)), EDGE)).answer).toMatchObject({
      code: status.UNAVAILABLE,
    });
  });

  test("plain text is not answered", async () => {
    const rig = await secure();
    expect((await ask(rig.client(), EDGE)).answer).toMatchObject({ code: status.UNAVAILABLE });
    await waitFor(() => rig.denials.length > 0);
    expect(rig.denials[0]).toMatchObject({ code: "connection", peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
  });

  test("mutual: the authority's clients are served; strangers, and those without a certificate, are not, and it is told why", async () => {
    const rig = await secure();
    expect((await ask(rig.client(await tls(edge)), EDGE)).answer).toEqual([EDGE]);
    for (const [shown, reason] of [
      [undefined, /did not return a certificate/],
      [stranger, /certificate is refused|unable to verify|certificate verify failed/],
    ] as const) {
      const seen = rig.denials.length;
      expect((await ask(rig.client(await tls(shown)), EDGE)).answer).toMatchObject({ code: status.UNAVAILABLE });
      await waitFor(() => rig.denials.length > seen);
      expect(rig.denials.at(-1)).toMatchObject({ code: "connection", reason: expect.stringMatching(reason) });
      expect(rig.log.at(-1)).toMatch(/an xDS client is turned away: the TLS handshake failed/);
    }
  });

  test("changed files hold for new connections, and those that are open live on", async () => {
    const files = await authority.issue("changing", { commonName: "first" });
    const rig = await secure({ files, mutual: false });
    const seen = () => peerName(rig.port);
    expect(await seen()).toBe("first");
    const early = await ask(rig.client(await tls()), EDGE);
    await authority.issue("changing", { commonName: "second" });
    await waitFor(async () => (await seen()) === "second");
    expect(rig.reloads.join()).toMatch(/changed TLS files: CN=second, valid until/);
    early.stream.send({ typeUrl: CDS, subscribe: ["made-up"] });
    expect((await early.stream.next()).removed).toEqual(["made-up"]);
  });

  test("a broken new certificate, or one without its key, leaves the old one in force, and that is told once", async () => {
    const files = await authority.issue("breaking", { commonName: "good" });
    const rig = await secure({ files, mutual: false });
    const valid = await readFile(files.cert);
    await writeFile(files.cert, "nonsense");
    await waitFor(() => rig.reloads.length === 1);
    expect(rig.reloads[0]).toMatch(/the old ones stay: .*breaking\.pem holds no certificate in PEM/);
    await copyFile(server.cert, files.cert);
    await waitFor(() => rig.reloads.length === 2);
    expect(rig.reloads[1]).toMatch(/breaking\.key is not the key of the certificate in .*breaking\.pem/);
    expect(await peerName(rig.port)).toBe("good");
    await writeFile(files.cert, valid);
    await authority.issue("breaking", { commonName: "better" });
    await waitFor(async () => (await peerName(rig.port)) === "better");
  });

  test("an authority that is taken away ends nobody, but lets nobody in", async () => {
    const ca = join(authority.folder, "clients.pem");
    await copyFile(authority.ca, ca);
    const opened = await openXdsSecurity({
      tls: { certFile: server.cert, keyFile: server.key, clientCaFile: ca },
      intervalMs: 20,
    });
    onTestFinished(() => opened.close());
    const rig = await start(opened);
    const before = opened.tls;
    expect((await ask(rig.client(await tls(edge)), EDGE)).answer).toEqual([EDGE]);
    await copyFile(strangers.ca, ca);
    await waitFor(() => opened.tls !== before);
    expect((await ask(rig.client(await tls(edge)), EDGE)).answer).toMatchObject({ code: status.UNAVAILABLE });
  });

  test.each([
    ["missing.pem", undefined, /missing\.pem/],
    ["empty.pem", "", /empty\.pem holds no certificate in PEM/],
  ])("the server doesn't start with the certificate %s", async (name, content, message) => {
    const certFile = join(authority.folder, name);
    if (content !== undefined) await writeFile(certFile, content);
    await expect(openXdsSecurity({ tls: { certFile, keyFile: server.key } })).rejects.toThrow(message);
  });

  test("a hundred clients that connect and say nothing keep nobody out for long", async () => {
    const rig = await secure({ mutual: false });
    const { connect: open } = await import("node:net");
    const silent = Array.from({ length: 100 }, () => open(rig.port, "127.0.0.1").on("error", () => {}));
    onTestFinished(() => silent.forEach((socket) => socket.destroy()));
    await Promise.all(silent.map((socket) => new Promise((done) => socket.once("connect", done))));
    expect((await ask(rig.client(await tls()), EDGE)).answer).toEqual([EDGE]);
  });
});

describe("plain text", () => {
  test.each(["0.0.0.0", "::", "10.1.2.3", "epoxy.internal"])("isn't served at %s unless asked for", async (host) => {
    const refused = createXdsServer({
      cache: createXdsCache(),
      host,
      port: 0,
      snapshotKey: () => EDGE,
      fallbackKey: EDGE,
    });
    await expect(refused.listen()).rejects.toThrow(/plain text.*`plaintext: true`/);
    await refused.close();
  });

  test("is served beyond loopback when asked for", async () => {
    const asked = createXdsServer({
      ...{ cache: createXdsCache(), host: "0.0.0.0", port: 0, snapshotKey: () => EDGE, fallbackKey: EDGE },
      plaintext: true,
    });
    expect((await asked.listen()).port).toBeGreaterThan(0);
    await asked.close();
  });
});

describe("rules for clients", () => {
  test.each<[string, ClientRule, boolean]>([
    ["a URI", { san: "spiffe://fleet/edge/*", roles: [EDGE] }, true],
    ["a DNS name", { san: "*.internal", roles: [EDGE] }, true],
    ["the common name", { commonName: "edge ?", roles: [EDGE] }, false],
    ["the common name with a wildcard", { commonName: "edge *", roles: ["ns~e*"] }, true],
    ["another URI", { san: "spiffe://fleet/core/*", roles: [EDGE] }, false],
    ["a part of a URI", { san: "spiffe://fleet/edge", roles: [EDGE] }, false],
    [
      "a URI and a common name, of which one is another",
      { san: "spiffe://*", commonName: "core", roles: [EDGE] },
      false,
    ],
  ])("by %s of the certificate", async (_, rule, fits) => {
    const rig = await secure({ clients: [rule] });
    const { answer } = await ask(rig.client(await tls(edge)), EDGE);
    const refusal = expect.objectContaining({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining("CN=edge 7"),
    });
    expect(answer).toEqual(fits ? [EDGE] : refusal);
  });

  test("another role, and another node id, is refused with what was asked for, in the log, and to the client", async () => {
    const rig = await secure({ clients: [{ san: "spiffe://fleet/edge/*", roles: [EDGE], nodeIds: ["edge-*"] }] });
    const client = rig.client(await tls(edge));
    expect((await ask(client, EDGE)).answer).toEqual([EDGE]);
    const wrongRole = await ask(client, CORE);
    expect(wrongRole.answer).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringMatching(/has shown a certificate of "spiffe:.*may not ask for the role "ns~core"/),
    });
    expect(rig.denials).toMatchObject([{ code: "denied", node: "edge-7", key: CORE }]);
    expect(rig.log.at(-1)).toMatch(/turned away: .*may not ask for the role/);
    const wrongId = await ask(client, EDGE, "core-1");
    expect(wrongId.answer).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringMatching(/may not go by the node id "core-1"/),
    });
  });

  test("a token from a file opens the door; a wrong one, or none, doesn't; and no log has it", async () => {
    const tokenFile = join(authority.folder, "tokens");
    await writeFile(tokenFile, "# for the edge\nsecret-token-of-the-edge\n\nsecret-token-of-tomorrow\n");
    const rig = await secure({ mutual: false, clients: [{ tokenFile, roles: [EDGE] }] });
    const client = rig.client(await tls());
    for (const token of ["secret-token-of-the-edge", "secret-token-of-tomorrow"]) {
      expect((await ask(client, EDGE, "e", bearer(token))).answer).toEqual([EDGE]);
    }
    expect((await ask(client, CORE, "e", bearer("secret-token-of-tomorrow"))).answer).toMatchObject({
      code: status.PERMISSION_DENIED,
    });
    for (const metadata of [undefined, bearer("secret-token-of-the-core"), bearer("secret-token-of-the-edg")]) {
      expect((await ask(client, EDGE, "e", metadata)).answer).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringMatching(/needed: a valid token/),
      });
    }
    expect(JSON.stringify([rig.log, rig.denials, rig.reloads])).not.toContain("secret-token");
  });

  test("a token that is taken from its file ends the streams that came with it, and no others", async () => {
    const tokenFile = join(authority.folder, "rotating");
    await writeFile(tokenFile, "the-token-that-goes\nthe-token-that-stays\n");
    const rig = await secure({ mutual: false, clients: [{ tokenFile, roles: ["*"] }] });
    const client = rig.client(await tls());
    const goes = await ask(client, EDGE, "e", bearer("the-token-that-goes"));
    const stays = await ask(client, EDGE, "e", bearer("the-token-that-stays"));
    expect([goes.answer, stays.answer]).toEqual([[EDGE], [EDGE]]);
    await writeFile(tokenFile, "the-token-that-stays\n");
    expect(await goes.stream.ended).toMatchObject({ code: status.UNAUTHENTICATED });
    stays.stream.send({ typeUrl: CDS, subscribe: ["made-up"] });
    expect((await stays.stream.next()).removed).toEqual(["made-up"]);
  });

  test.each([
    ["", /holds no token/],
    ["short", /tokens-\d:1: the token is shorter than 16 characters/],
    ["# remark\ntwo words are no token", /tokens-\d:2: the token has blanks/],
  ])("a token file of %j is refused without being quoted", async (text, message) => {
    const tokenFile = join(authority.folder, `tokens-${text.length % 10}`);
    await writeFile(tokenFile, text);
    await expect(openXdsSecurity({ clients: [{ tokenFile, roles: ["*"] }] })).rejects.toThrow(message);
  });
});

describe("an authorizer of one's own", () => {
  test("may take its time; requests that come meanwhile are answered after it, in order", async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const rig = await start({ authorizer: { authorize: () => promise } });
    const stream = rig.client().stream("sotw", { node: { id: "e", metadata: { role: EDGE } } });
    stream.send({ typeUrl: CDS });
    stream.send({ typeUrl: typeUrls.endpoint, names: ["a"] });
    resolve(undefined);
    expect((await stream.next()).resources).toEqual({ [EDGE]: `${EDGE}=1` });
  });

  test("is told who the client is and what it asks for, and its refusal is sent on; one that fails refuses", async () => {
    const asked: unknown[] = [];
    const rig = await start({
      authorizer: {
        authorize(peer, node, key) {
          asked.push([peer.certificate, peer.token, node.id, key]);
          if (node.id === "bad") return Promise.resolve({ code: "denied", reason: "not you" });
          throw new Error("the directory is down");
        },
      },
    });
    expect((await ask(rig.client(), EDGE, "bad")).answer).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: "not you",
    });
    expect((await ask(rig.client(), CORE, "e", bearer("t"))).answer).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: "the authorizer failed: the directory is down",
    });
    expect(asked).toEqual([
      [undefined, undefined, "bad", EDGE],
      [undefined, "t", "e", CORE],
    ]);
  });
});

test("whoever asks for client statuses is told of the clients that it would itself be served as, and of no others (CSDS, rule 29)", async () => {
  const rig = await start({
    authorizer: {
      authenticate: ({ token }) => (token === undefined ? { code: "unauthenticated", reason: "no token" } : undefined),
      async authorize({ token }, { id }, key) {
        if (token === "broken") throw new Error("the directory is down");
        return token === "all" || (key === EDGE && id === token) ? undefined : { code: "denied", reason: "not you" };
      },
    },
  });
  const client = rig.client();
  await Promise.all([
    ask(client, EDGE, "edge-1", bearer("edge-1")),
    ask(client, EDGE, "edge-2", bearer("edge-2")),
    ask(client, CORE, "edge-1", bearer("all")),
  ]);
  const told = async (token: string, request = {}) =>
    (await clientStatuses(rig.port, request, bearer(token)))
      .map(({ node, clientScope }) => `${node.id} ${clientScope}`)
      .toSorted();
  expect(await told("all")).toEqual([`edge-1 ${CORE}`, `edge-1 ${EDGE}`, `edge-2 ${EDGE}`]);
  expect(await told("edge-1")).toEqual([`edge-1 ${EDGE}`]);
  expect(await told("edge-1", { nodeMatchers: [{ nodeId: { exact: "edge-2" } }] })).toEqual([]);
  expect(await told("stranger")).toEqual([]);
  expect(await told("broken")).toEqual([]);
  await expect(clientStatuses(rig.port, {})).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
    details: "no token",
  });
});

test("names of a certificate are read with commas and quotes in them, and of known kinds only", () => {
  expect(
    readSubjectAltNames('URI:spiffe://a/b, DNS:"x, DNS:admin", IP Address:10.0.0.1, othername:<unsupported>, DNS:c'),
  ).toEqual(["spiffe://a/b", "x, DNS:admin", "10.0.0.1", "c"]);
});

/** The common name in the certificate that a new connection is shown. */
function peerName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
