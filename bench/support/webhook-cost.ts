import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { load } from "js-yaml";
import { median, quantile, type Row, rounded } from "./bench-run.ts";
import { virtualService } from "./data-folder.ts";
import type { KubeApi } from "./kubernetes-api.ts";

export interface WebhookCostOptions {
  /** Virtual services that there are. */
  readonly n: number;
  /** Writes of each kind, with the webhook and without. */
  readonly rounds: number;
  readonly webhook: { readonly port: number; readonly authority: string };
}

const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const name = "bench";
const namespace = "gloo-system";
const virtualServices = `/apis/gateway.solo.io/v1/namespaces/${namespace}/virtualservices`;
const upstreams = `/apis/gloo.solo.io/v1/namespaces/${namespace}/upstreams`;
const kinds = ["create", "update", "delete", "update upstream", "conflict"] as const;
type Times = Record<(typeof kinds)[number], number[]>;
const empty = (): Times => ({ create: [], update: [], delete: [], "update upstream": [], conflict: [] });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Times of writes to the API server, with its webhook and without, in turns; what it adds is the difference of the medians. Beside them the
 * webhook asked directly.
 */
export async function measureWebhook(api: KubeApi, options: WebhookCostOptions): Promise<readonly Row[]> {
  const { n, rounds } = options;
  const [without, having] = [empty(), empty()];
  const half = Math.ceil(rounds / 2);
  for (const turn of [0, 1]) {
    await timeWrites(api, { n, from: turn * 2 * half, rounds: half, times: without });
    await register(api, options.webhook);
    await timeWrites(api, { n, from: (turn * 2 + 1) * half, rounds: half, times: having });
    await api.call("DELETE", `${configurations}/${name}`);
    await untilAsked(api, false);
  }
  const answers = await timeAnswers(api, options);
  return kinds.map((kind) => ({
    n,
    write: kind,
    // One that is refused is none without it.
    "without ms": without[kind].length === 0 ? "–" : rounded(median(without[kind])),
    "with ms": having[kind].length === 0 ? "–" : rounded(median(having[kind])),
    "adds ms": having[kind].length === 0 ? "–" : rounded(median(having[kind]) - median(without[kind])),
    "answer median ms": rounded(median(answers[kind])),
    "answer p95 ms": rounded(quantile(answers[kind], 0.95)),
  }));
}

/** The object of a virtual service that isn't there, to the upstream of one that is. */
function newService(index: number, to: number): { readonly metadata: { readonly name: string } } {
  const { metadata, ...spec } = load(virtualService(index, "/new")) as Record<string, any>;
  spec["virtualHost"].routes[0].routeAction.single.upstream.name = `us-${to}`;
  return { apiVersion: "gateway.solo.io/v1", kind: "VirtualService", metadata, spec } as never;
}
const specOf = (index: number, path: string): object => {
  const { virtualHost } = load(virtualService(index, path)) as { readonly virtualHost: object };
  return { virtualHost };
};

/** Writes of each kind, one at a time. */
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
    const created = newService(n + round, index);
    await timed("create", "POST", virtualServices, created);
    await timed("update", "PATCH", `${virtualServices}/vs-${index}`, { spec: specOf(index, `/asked-${round}`) });
    await timed("delete", "DELETE", `${virtualServices}/${created.metadata.name}`);
    const edit = { spec: { circuitBreakers: { maxConnections: 1_000 + round } } };
    await timed("update upstream", "PATCH", `${upstreams}/us-${index}`, edit);
  }
}

/** What the API server would ask, over a kept connection as it does. Dry runs: the next question counts on none. */
async function timeAnswers(api: KubeApi, { n, rounds, webhook }: WebhookCostOptions): Promise<Times> {
  const times = empty();
  const agent = new Agent({ keepAlive: true, ca: webhook.authority });
  const ask = (body: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const place = { host: "127.0.0.1", port: webhook.port, path: "/validation" };
      const outgoing = request({ ...place, method: "POST", agent }, (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        incoming.once("end", () => resolve(text));
      });
      outgoing.once("error", reject).setNoDelay(true);
      outgoing.end(JSON.stringify(body));
    });
  for (let round = 0; round < rounds; round++) {
    const index = (round * 7_919) % n;
    const service = await api.call("GET", `${virtualServices}/vs-${index}`);
    const upstream = await api.call("GET", `${upstreams}/us-${index}`);
    const fresh = newService(n + round, index);
    const taken = { ...fresh, spec: specOf(index, "/") };
    const circuitBreakers = { maxConnections: 2_000 + round };
    const changes: readonly (readonly [keyof Times, string, object | undefined, object | undefined])[] = [
      ["create", "CREATE", fresh, undefined],
      ["update", "UPDATE", { ...service, spec: specOf(index, `/answer-${round}`) }, service],
      ["delete", "DELETE", undefined, service],
      ["update upstream", "UPDATE", { ...upstream, spec: { ...upstream.spec, circuitBreakers } }, upstream],
      ["conflict", "CREATE", taken, undefined],
    ];
    for (const [write, operation, object, oldObject] of changes) {
      const { apiVersion, kind, metadata } = (object ?? oldObject) as { apiVersion: string } & Record<string, any>;
      const [group, version] = apiVersion.split("/");
      const about = { uid: "1", kind: { group, version, kind }, name: metadata.name, namespace, dryRun: true };
      await pause(20);
      const start = performance.now();
      const text = await ask({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        request: { ...about, operation, object, oldObject },
      });
      times[write].push(performance.now() - start);
      if (JSON.parse(text).response?.allowed !== (write !== "conflict")) throw new Error(`${write}: ${text}`);
    }
  }
  agent.destroy();
  return times;
}

/** That of the manifests, but for where the webhook is. */
async function register(api: KubeApi, { port, authority }: WebhookCostOptions["webhook"]): Promise<void> {
  const path = join(import.meta.dirname, "../../deploy/kubernetes/webhook.yaml");
  const manifest = load(readFileSync(path, "utf8")) as { readonly webhooks: readonly object[] };
  const caBundle = Buffer.from(authority).toString("base64");
  const clientConfig = { url: `https://127.0.0.1:${port}/validation`, caBundle };
  const webhooks = manifest.webhooks.map((webhook) => ({ ...webhook, clientConfig }));
  await api.call("POST", configurations, { ...manifest, metadata: { name }, webhooks });
  await untilAsked(api, true);
}

/** The API server takes a moment to take up a change of its webhooks. */
async function untilAsked(api: KubeApi, wanted: boolean): Promise<void> {
  const wrong = { apiVersion: "gateway.solo.io/v1", kind: "Gateway", metadata: { name: "wrong" }, spec: {} };
  const path = `/apis/gateway.solo.io/v1/namespaces/${namespace}/gateways?dryRun=All`;
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
