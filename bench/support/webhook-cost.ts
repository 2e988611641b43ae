import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { median, type Row, rounded } from "./bench-run.ts";
import { virtualService } from "./data-folder.ts";
import type { KubeApi } from "./kubernetes-api.ts";

export interface WebhookCostOptions {
  /** Virtual services that there are. */
  readonly n: number;
  /** Writes of each kind, with the webhook and without. */
  readonly rounds: number;
  readonly clientConfig: { readonly url: string; readonly caBundle: string };
}

const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const name = "bench";
const virtualServices = "/apis/gateway.solo.io/v1/namespaces/gloo-system/virtualservices";
const upstreams = "/apis/gloo.solo.io/v1/namespaces/gloo-system/upstreams";
const kinds = ["create", "update", "delete", "update upstream"] as const;
type Times = Record<(typeof kinds)[number], number[]>;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Times of writes to the API server, with its webhook and without, in turns; what it adds is the difference of the medians. */
export async function measureWebhook(api: KubeApi, options: WebhookCostOptions): Promise<Row> {
  const { n, rounds } = options;
  const empty = (): Times => ({ create: [], update: [], delete: [], "update upstream": [] });
  const [bare, asked] = [empty(), empty()];
  const half = Math.ceil(rounds / 2);
  for (const turn of [0, 1]) {
    await timeWrites(api, { n, from: turn * 2 * half, rounds: half, times: bare });
    await register(api, options.clientConfig);
    await timeWrites(api, { n, from: (turn * 2 + 1) * half, rounds: half, times: asked });
    await api.call("DELETE", `${configurations}/${name}`);
    await untilAsked(api, false);
  }
  const columns = kinds.flatMap((kind) => [
    [kind, rounded(median(bare[kind]))],
    [`${kind} asked`, rounded(median(asked[kind]))],
    [`${kind} adds`, rounded(median(asked[kind]) - median(bare[kind]))],
  ]);
  return { n, ...Object.fromEntries(columns) };
}

/** Writes of each kind, one at a time, each after the one before has been served. */
async function timeWrites(
  api: KubeApi,
  { n, from, rounds, times }: { n: number; from: number; rounds: number; times: Times },
): Promise<void> {
  for (let round = from; round < from + rounds; round++) {
    const index = (round * 7_919) % n;
    const timed = async (kind: keyof Times, method: string, path: string, body?: object): Promise<void> => {
      await pause(100);
      const start = performance.now();
      await api.call(method, path, body);
      times[kind].push(performance.now() - start);
    };
    const { metadata, ...spec } = load(virtualService(n + round, "/new")) as Record<string, any>;
    spec["virtualHost"].routes[0].routeAction.single.upstream.name = `us-${index}`;
    const { virtualHost } = load(virtualService(index, `/asked-${round}`)) as { readonly virtualHost: object };
    const created = { apiVersion: "gateway.solo.io/v1", kind: "VirtualService", metadata, spec };
    await timed("create", "POST", virtualServices, created);
    await timed("update", "PATCH", `${virtualServices}/vs-${index}`, { spec: { virtualHost } });
    await timed("delete", "DELETE", `${virtualServices}/${metadata.name}`);
    const edit = { spec: { circuitBreakers: { maxConnections: 1_000 + round } } };
    await timed("update upstream", "PATCH", `${upstreams}/us-${index}`, edit);
  }
}

/** That of the manifests, but for where the webhook is. */
async function register(api: KubeApi, clientConfig: object): Promise<void> {
  const path = join(import.meta.dirname, "../../deploy/kubernetes/webhook.yaml");
  const manifest = load(readFileSync(path, "utf8")) as { readonly webhooks: readonly object[] };
  const webhooks = manifest.webhooks.map((webhook) => ({ ...webhook, clientConfig }));
  await api.call("POST", configurations, { ...manifest, metadata: { name }, webhooks });
  await untilAsked(api, true);
}

/** The API server takes a moment to take up a change of its webhooks. */
async function untilAsked(api: KubeApi, wanted: boolean): Promise<void> {
  const wrong = { apiVersion: "gateway.solo.io/v1", kind: "Gateway", metadata: { name: "wrong" }, spec: {} };
  const path = "/apis/gateway.solo.io/v1/namespaces/gloo-system/gateways?dryRun=All";
  for (let tries = 0; tries < 200; tries++) {
    const isRefused = await api.call("POST", path, wrong).then(
      () => false,
      (error: Error) => error.message.includes("denied the request"),
    );
    if (isRefused === wanted) return;
    await pause(50);
  }
  throw new Error(`the webhook is ${wanted ? "never" : "still"} asked`);
}
