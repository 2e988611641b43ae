import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createKubernetesClient } from "../../src/kubernetes/index.ts";
import { createAuthority } from "../support/certificates.ts";
import type { PolicyRule } from "../support/kubernetes/cluster-access.ts";
import { useKubeCluster } from "../support/kubernetes/use-cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const cluster = useKubeCluster();
const signal = new AbortController().signal;
const configMaps = { group: "", version: "v1", plural: "configmaps", namespaced: true };
const rules: readonly PolicyRule[] = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }];

/** A Pod's file system and variables, as the kubelet makes them. */
describe("a Pod's service account", () => {
  let podRoot = "";
  let namespace = "";
  const file = (name: string): string => join(podRoot, "var/run/secrets/kubernetes.io/serviceaccount", name);
  const account = () => cluster().serviceAccount({ namespace, rules });
  const listWith = (client: ReturnType<typeof createKubernetesClient>) =>
    client.list(configMaps, { namespace }, { signal });

  beforeEach(async () => {
    podRoot = await mkdtemp(join(tmpdir(), "epoxy-pod-"));
    namespace = await cluster().namespace();
    await mkdir(file(""), { recursive: true });
    await writeFile(file("token"), await account());
    await writeFile(file("ca.crt"), cluster().address.certificate);
    await writeFile(file("namespace"), `${namespace}\n`);
    vi.stubEnv("KUBECONFIG", undefined);
    vi.stubEnv("HOME", podRoot);
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    vi.stubEnv("KUBERNETES_SERVICE_PORT", `${cluster().address.port}`);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(podRoot, { recursive: true, force: true });
  });

  it("says where the API server is, whom to trust, who asks and in which namespace, with its rights and no others", async () => {
    await using client = createKubernetesClient({ podRoot });
    expect(await client.namespace()).toBe(namespace);
    expect((await listWith(client)).items).toEqual([]);
    expect(client.address).toBe(cluster().url);
    await expect(client.list(configMaps, { namespace: "default" }, { signal })).rejects.toThrow(/403 .*configmaps/);
    await using authority = await createAuthority();
    await writeFile(file("ca.crt"), await readFile(authority.ca));
    await using trusting = createKubernetesClient({ podRoot });
    await expect(listWith(trusting)).rejects.toThrow(/doesn't answer .*(SELF_SIGNED|CERT)/);
  });

  it("stands back behind a kubeconfig", async () => {
    vi.stubEnv("KUBECONFIG", await cluster().kubeconfig({ namespace: "other" }));
    await using client = createKubernetesClient({ podRoot });
    expect(await client.namespace()).toBe("other");
  });

  it("has its token replaced while it is used: the old one is refused from then on, and nobody notices", async () => {
    const [old = "", ...probes] = await tokensOf(await readFile(file("token"), "utf8"), 8);
    await writeFile(file("token"), old);
    await using client = createKubernetesClient({ podRoot });
    // Takes the credentials into use without showing them to the API server, which believes a token that it knows for ten seconds more.
    await client.namespace();
    const { namespace: of, name } = accountOf(old);
    const path = `/api/v1/namespaces/${of}/configmaps`;
    const statusWith = async (token: string | undefined) =>
      (await cluster().api("GET", path, undefined, { token })).status;
    expect(await statusWith(probes.pop())).toBe(200);
    await cluster().apiOk("DELETE", `/api/v1/namespaces/${of}/serviceaccounts/${name}`);
    await waitFor(async () => (await statusWith(probes.pop())) === 401, { interval: 200 });
    await writeFile(file("token"), await account());
    expect((await listWith(client)).items).toEqual([]);
    expect(await statusWith(old)).toBe(401);
  });

  it("reaches an API server whose address is of IPv6", async () => {
    await using authority = await createAuthority();
    const { cert, key } = await authority.issue("six", { names: "IP:::1" });
    // In front of the API server, whose own certificate is for the other family.
    const { port, certificate: ca } = cluster().address;
    const server = createServer({ cert: await readFile(cert), key: await readFile(key) }, (socket) => {
      const upstream = connect({ host: "127.0.0.1", port, ca });
      socket.pipe(upstream).pipe(socket);
      for (const [end, other] of [[socket, upstream] as const, [upstream, socket] as const])
        end.once("error", () => other.destroy()).once("close", () => other.destroy());
    });
    await new Promise<void>((done) => server.listen(0, "::1", done));
    try {
      vi.stubEnv("KUBERNETES_SERVICE_HOST", "::1");
      vi.stubEnv("KUBERNETES_SERVICE_PORT", `${(server.address() as AddressInfo).port}`);
      await writeFile(file("ca.crt"), await readFile(authority.ca));
      await using client = createKubernetesClient({ podRoot });
      expect((await listWith(client)).items).toEqual([]);
      expect(client.address).toBe(`https://[::1]:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
    }
  });

  it("without what it needs is told, with what there is", async () => {
    vi.stubEnv("KUBERNETES_SERVICE_HOST", undefined);
    await using nowhere = createKubernetesClient({ podRoot });
    await expect(listWith(nowhere)).rejects.toThrow(/service account, but KUBERNETES_SERVICE_HOST is not set/);
    await rm(file("token"));
    await using nobody = createKubernetesClient({ podRoot });
    await expect(listWith(nobody)).rejects.toThrow(/neither a kubeconfig nor a Pod's service account/);
  });

  /** Further tokens of the account that a token is of. */
  async function tokensOf(token: string, count: number): Promise<readonly string[]> {
    const { namespace: of, name } = accountOf(token);
    const path = `/api/v1/namespaces/${of}/serviceaccounts/${name}/token`;
    const asked = Array.from({ length: count }, (_, index) =>
      cluster().apiOk("POST", path, { spec: { expirationSeconds: 3_600 + index } }),
    );
    return (await Promise.all(asked)).map(({ status }) => status.token as string);
  }
});

/** Whom a token is of: it says so itself. */
function accountOf(token: string): { readonly namespace: string; readonly name: string } {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const { namespace, serviceaccount } = claims["kubernetes.io"];
  return { namespace, name: serviceaccount.name };
}
