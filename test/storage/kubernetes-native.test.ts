import { beforeAll, describe, expect, it } from "vitest";
import { Artifact } from "../../generated/proto/epoxy/gloo/v1/artifact.ts";
import { Secret } from "../../generated/proto/epoxy/gloo/v1/secret.ts";
import { ArtifactKind, SecretKind } from "../../generated/sdk/index.ts";
import { isConflict, isNotFound } from "../../src/errors/index.ts";
import type { Storage } from "../../src/storage/index.ts";
import { createKubernetesStorage } from "../../src/storage/kubernetes/index.ts";
import { follow } from "../contracts/support/follow.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";

const cluster = useKubeCluster();
const mergePatch = { contentType: "application/merge-patch+json" };
let storage: Storage;
let namespace = "";
const ref = (name: string) => ({ namespace, name });
const corePath = (plural: string, name = ""): string =>
  `/api/v1/namespaces/${namespace}/${plural}${name && `/${name}`}`;
const base64 = (data: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));
const plain = (data: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]));

beforeAll(async () => {
  namespace = await cluster().namespace();
  storage = createKubernetesStorage({ kubeconfig: await cluster().kubeconfig(), backoff: { initial: 20, max: 200 } });
  return () => storage.close();
});

describe("secrets", () => {
  const secretOf = (name: string, kind: object) => Secret.fromPartial({ metadata: ref(name), kind: kind as never });

  it.each([
    [
      "tls",
      "kubernetes.io/tls",
      { certChain: "c", privateKey: "k", rootCa: "r" },
      { "tls.crt": "c", "tls.key": "k", "ca.crt": "r" },
    ],
    ["tls", "kubernetes.io/tls", { rootCa: "r" }, { "tls.crt": "", "tls.key": "", "ca.crt": "r" }],
    ["aws", "Opaque", { accessKey: "a", secretKey: "s" }, { aws_access_key_id: "a", aws_secret_access_key: "s" }],
    ["apiKey", "extauth.solo.io/apikey", { apiKey: "k", metadata: { user: "u" } }, { "api-key": "k", user: "u" }],
    ["oauth", "extauth.solo.io/oauth", { clientSecret: "s" }, { "client-secret": "s" }],
    [
      "credentials",
      "extauth.solo.io/accountcredentials",
      { username: "u", password: "p" },
      { username: "u", password: "p" },
    ],
    ["encryption", "gloo.solo.io.EncryptionKeySecret", { key: "k" }, { key: "k" }],
    ["header", "gloo.solo.io/header", { headers: { "x-a": "1" } }, { "x-a": "1" }],
  ])("of kind %s are of type %s, as Gloo has them: %j", async ($case, type, value, data) => {
    const secrets = storage.client(SecretKind);
    const name = `${$case.toLowerCase()}-${Object.keys(value).length}`;
    const written = await secrets.write(secretOf(name, { $case, value }));
    const object = await cluster().apiOk("GET", corePath("secrets", name));
    expect({ type: object.type, data: plain(object.data) }).toEqual({ type, data });
    expect(written.kind).toMatchObject({ $case, value });
    const changed = await secrets.write(
      { ...written, metadata: { ...written.metadata!, labels: { a: "b" } } },
      { overwrite: true },
    );
    expect(await secrets.read(ref(name))).toEqual(changed);
    await expect(secrets.write(written, { overwrite: true })).rejects.toSatisfy(isConflict);
  });

  it("that no conversion fits are kept field by field, as older ones of Gloo's are, and stay so", async () => {
    const secrets = storage.client(SecretKind);
    await secrets.write(secretOf("azure", { $case: "azure", value: { apiKeys: { _master: "m" } } }));
    const azure = await cluster().apiOk("GET", corePath("secrets", "azure"));
    expect(azure.metadata.annotations).toEqual({ resource_kind: "*v1.Secret" });
    expect(plain(azure.data)).toEqual({ azure: "apiKeys:\n  _master: m\n" });
    const annotations = { resource_kind: "*v1.Secret" };
    const data = base64({ tls: "certChain: c\nprivateKey: k\n" });
    await cluster().apiOk("POST", corePath("secrets"), { metadata: { name: "old", annotations }, data });
    const old = await secrets.read(ref("old"));
    expect(old.kind).toMatchObject({ $case: "tls", value: { certChain: "c", privateKey: "k" } });
    await secrets.write(
      { ...old, kind: { $case: "tls", value: { ...old.kind!.value, certChain: "d" } as never } },
      { overwrite: true },
    );
    expect((await secrets.read(ref("old"))).kind?.value).toMatchObject({ certChain: "d", privateKey: "k" });
  });

  it("of other makers aren't shown, nor deleted, and keys beside Epoxy's stay", async () => {
    const secrets = storage.client(SecretKind);
    const docker = {
      metadata: { name: "docker" },
      type: "kubernetes.io/dockercfg",
      data: base64({ ".dockercfg": "{}" }),
    };
    await cluster().apiOk("POST", corePath("secrets"), docker);
    await expect(secrets.read(ref("docker"))).rejects.toSatisfy(isNotFound);
    await expect(secrets.delete(ref("docker"))).rejects.toSatisfy(isNotFound);
    const data = base64({ "tls.crt": "c", "tls.key": "k", "keystore.jks": "j" });
    await cluster().apiOk("POST", corePath("secrets"), { metadata: { name: "more" }, type: "kubernetes.io/tls", data });
    const more = await secrets.read(ref("more"));
    await secrets.write(
      { ...more, kind: { $case: "tls", value: { ...more.kind!.value, certChain: "d" } as never } },
      { overwrite: true },
    );
    const now = await cluster().apiOk("GET", corePath("secrets", "more"));
    expect(plain(now.data)).toEqual({ "tls.crt": "d", "tls.key": "k", "keystore.jks": "j" });
    const names = (await secrets.list({ namespaces: [namespace] })).items.map(({ metadata }) => metadata?.name);
    expect(names).toContain("more");
    expect(names).not.toContain("docker");
  });

  it("that can't be read are a problem that quotes nothing of them", async () => {
    const annotations = { resource_kind: "*v1.Secret" };
    const data = base64({ tls: "{hunter2" });
    await cluster().apiOk("POST", corePath("secrets"), { metadata: { name: "broken", annotations }, data });
    const { problems } = await storage.client(SecretKind).list({ namespaces: [namespace] });
    const [problem] = problems.filter((one) => one.ref?.name === "broken");
    expect(problem?.error.message).toBe(`secrets ${namespace}/broken: data.tls is no YAML`);
  });
});

it("49, 51: artifacts are ConfigMaps, whose binary data stay, and a watch over all namespaces sees them", async () => {
  const artifacts = storage.client(ArtifactKind);
  const seen = follow(artifacts.watch());
  await artifacts.write(Artifact.fromPartial({ metadata: ref("plain"), data: { text: 'a: "b"\n', empty: "" } }));
  await seen.until(({ items }) => items.has(`${namespace}/plain`));
  const object = await cluster().apiOk("GET", corePath("configmaps", "plain"));
  expect(object.data).toEqual({ text: 'a: "b"\n', empty: "" });
  await cluster().apiOk("PATCH", corePath("configmaps", "plain"), { binaryData: { b: "AAEC" } }, mergePatch);
  const read = await artifacts.read(ref("plain"));
  await artifacts.write({ ...read, data: { text: "new" } }, { overwrite: true });
  const now = await cluster().apiOk("GET", corePath("configmaps", "plain"));
  expect([now.data, now.binaryData]).toEqual([{ text: "new" }, { b: "AAEC" }]);
});
