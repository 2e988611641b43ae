import { beforeAll, describe, expect, it } from "vitest";
import { kinds, RefusalReportKind } from "../../generated/sdk/index.ts";
import { createControlPlane } from "../../src/control-plane/index.ts";
import { createBed } from "../cli/support/epoxy.ts";
import { httpGet } from "../support/http-get.ts";
import { waitFor } from "../support/wait-for.ts";
import { kustomizedFiles, type Manifest } from "./support/manifests.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

let manifests: readonly Manifest[];
/** Names of the collections of a control plane that does everything. */
let collections: readonly string[];
beforeAll(async () => {
  manifests = await kustomizedFiles();
  await using bed = await createBed();
  const loopback = { host: "127.0.0.1", port: 0 };
  await using running = await createControlPlane({
    dataDirectory: bed.dir,
    xdsAddress: loopback,
    adminAddress: loopback,
  });
  const admin = `http://127.0.0.1:${running.adminAddress?.port}`;
  await waitFor(() => running.readiness().ready);
  const dump = JSON.parse((await httpGet(`${admin}/debug/collections`)).body);
  collections = dump.collections.map(({ name }: { name: string }) => name);
});

/** `group/resource verb` of all roles of a kind. */
const granted = (kind: "Role" | "ClusterRole"): string[] =>
  manifests
    .filter((manifest) => manifest.kind === kind)
    .flatMap(({ rules }) => rules as readonly Rule[])
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((it) => verbs.map((verb) => `${group}/${it} ${verb}`))),
    )
    .toSorted();

const readVerbs = ["get", "list", "watch"];

describe("the rights of the control plane", () => {
  it("in all namespaces are to read what it watches, and to write the statuses that it judges", () => {
    // Endpoints come from EndpointSlices, Secrets are native ones.
    const own = kinds.filter(({ kind }) => kind !== "Secret" && kind !== "Endpoint");
    const watched = own.filter(({ plural }) => collections.includes(plural));
    const judged = own.filter(({ plural }) => collections.includes(`status/${plural}`));
    expect(watched.length).toBeGreaterThan(6);
    expect(judged.length).toBeGreaterThan(6);
    expect(collections).toContain("secrets");
    const native = ["/secrets", "/namespaces", "/pods", "/services", "discovery.k8s.io/endpointslices"];
    expect(granted("ClusterRole")).toEqual(
      [
        ...watched.flatMap(({ group, plural }) => readVerbs.map((verb) => `${group}/${plural} ${verb}`)),
        ...native.flatMap((it) => ["list", "watch"].map((verb) => `${it} ${verb}`)),
        ...judged.map(({ group, plural }) => `${group}/${plural}/status patch`),
      ].toSorted(),
    );
  });

  it("to write are in its own namespace only: discovered Upstreams, Proxies that are kept, the leader's lock, and what its proxies refuse, read by the others", () => {
    const reports = `${RefusalReportKind.group}/${RefusalReportKind.plural}`;
    const written = [...["upstreams", "proxies"].map((plural) => `gloo.solo.io/${plural}`), reports];
    expect(granted("Role")).toEqual(
      [
        ...written.flatMap((it) => ["create", "update", "delete"].map((verb) => `${it} ${verb}`)),
        ...readVerbs.map((verb) => `${reports} ${verb}`),
        ...[...readVerbs, "create", "update"].map((verb) => `coordination.k8s.io/leases ${verb}`),
      ].toSorted(),
    );
    expect(manifests.filter(({ kind }) => kind === "Role").map(({ metadata }) => metadata.namespace)).toEqual([
      "gloo-system",
    ]);
  });

  it("are the account's that the pods run as, and Envoy has none", () => {
    for (const kind of ["RoleBinding", "ClusterRoleBinding"]) {
      for (const { subjects, roleRef } of manifests.filter((it) => it.kind === kind)) {
        expect(subjects).toEqual([{ kind: "ServiceAccount", name: "epoxy", namespace: "gloo-system" }]);
        expect(roleRef.name).toBe("epoxy");
      }
    }
    const envoy = manifests.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === "gateway-proxy");
    expect(envoy?.spec.template.spec.automountServiceAccountToken).toBe(false);
  });
});
