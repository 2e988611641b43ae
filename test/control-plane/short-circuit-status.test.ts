import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import { VirtualServiceKind } from "../../generated/sdk/index.ts";
import { createControlPlane } from "../../src/control-plane/index.ts";
import { createFileStorage } from "../../src/storage/file/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { writeTree } from "../e2e/support/gloo-file-example.ts";

test("a route that is never reached is a warning in the stored status while warnRouteShortCircuiting is set", async () => {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-short-circuit-"));
  const settings = (warn: boolean) =>
    writeTree(folder, {
      "gloo-system/default.yaml": `
metadata: {name: default, namespace: gloo-system}
gateway: {validation: {serverEnabled: false, warnRouteShortCircuiting: ${warn}}}
`,
    });
  await settings(true);
  await writeTree(folder, {
    "config/gateways/gloo-system/gateway-proxy.yaml": `
metadata: {name: gateway-proxy, namespace: gloo-system}
bindAddress: 127.0.0.1
bindPort: 8080
httpGateway: {}
`,
    "config/virtualservices/gloo-system/hidden.yaml": `
metadata: {name: hidden, namespace: gloo-system}
virtualHost:
  domains: ['*']
  routes:
  - {matchers: [{prefix: /}], directResponseAction: {status: 200}}
  - {matchers: [{prefix: /a}], directResponseAction: {status: 200}}
`,
  });
  await using storage = createFileStorage({ directory: join(folder, "config") });
  const ref = { namespace: "gloo-system", name: "hidden" };
  const stored = async () => {
    const { namespacedStatuses } = await storage.client(VirtualServiceKind).read(ref);
    return namespacedStatuses?.statuses["gloo-system"];
  };
  const address = { host: "127.0.0.1", port: 0 };
  await using _ = await createControlPlane({ dataDirectory: folder, xdsAddress: address });
  const warned = await waitFor(async () => {
    const status = await stored();
    return status?.state === Status_State.Warning && status;
  });
  expect(warned.reason).toContain("unreachable route: prefix /a is never reached");
  expect(warned.reason).toContain("virtualHost.routes[1]");
  await settings(false);
  await waitFor(async () => (await stored())?.state === Status_State.Accepted);
  expect((await stored())?.reason).toBe("");
  await rm(folder, { recursive: true, force: true });
});
