import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { Secret, TlsSecret } from "../../generated/proto/epoxy/gloo/v1/secret.ts";
import { tlsSecretState } from "../../src/envoy/index.ts";
import { createAuthority } from "../support/certificates.ts";

let cert = "";
let key = "";
let otherKey = "";
let ca = "";
beforeAll(async () => {
  await using authority = await createAuthority();
  const first = await authority.issue("first");
  const second = await authority.issue("second");
  [cert, key, otherKey, ca] = (await Promise.all(
    [first.cert, first.key, second.key, authority.ca].map((file) => readFile(file, "utf8")),
  )) as [string, string, string, string];
});

const tls = (value: Partial<TlsSecret>): Secret =>
  Secret.fromPartial({ kind: { $case: "tls", value: TlsSecret.fromPartial(value) } });
const good = { fault: undefined, hasCertificate: true, hasRootCa: false };

describe("a Secret for TLS", () => {
  test("is good with a certificate and its key, with authorities to trust, or with both", () => {
    expect(tlsSecretState(tls({ certChain: cert + ca, privateKey: key }))).toEqual(good);
    expect(tlsSecretState(tls({ rootCa: ca }))).toEqual({ fault: undefined, hasCertificate: false, hasRootCa: true });
    expect(tlsSecretState(tls({ certChain: cert, privateKey: key, rootCa: ca }))).toEqual({ ...good, hasRootCa: true });
  });

  test("is refused with the field that is wrong, and without a word of what is in it", () => {
    const ed25519 = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const faults: readonly [secret: Secret, path: string, message: RegExp][] = [
      [tls({ certChain: cert }), "tls.privateKey", /missing/],
      [tls({ privateKey: key }), "tls.certChain", /missing/],
      [tls({ certChain: "hidden", privateKey: key }), "tls.certChain", /no certificate in PEM/],
      [tls({ certChain: cert + broken(cert), privateKey: key }), "tls.certChain", /certificate 2 of 2 can't be read/],
      [tls({ certChain: cert, privateKey: "hidden" }), "tls.privateKey", /can't be read/],
      [tls({ certChain: cert, privateKey: otherKey }), "tls.privateKey", /doesn't belong to the first/],
      [tls({ certChain: cert, privateKey: ed25519 }), "tls.privateKey", /doesn't belong/],
      [tls({ certChain: cert, privateKey: key, rootCa: "hidden" }), "tls.rootCa", /no certificate in PEM/],
      [Secret.fromPartial({}), "tls", /empty.*type tls/],
      [
        Secret.fromPartial({ kind: { $case: "header", value: { headers: { a: "hidden" } } } }),
        "header",
        /one of type header: a secret of type tls is needed/,
      ],
    ];
    for (const [secret, path, message] of faults) {
      const state = tlsSecretState(secret);
      expect(state).toMatchObject({ hasCertificate: false, hasRootCa: false });
      expect(state.fault?.path).toBe(path);
      expect(state.fault?.message).toMatch(message);
      expect(JSON.stringify(state)).not.toMatch(/hidden|BEGIN/);
    }
  });
});

const broken = (pem: string): string => pem.replace(/^MII/m, "AAA");
