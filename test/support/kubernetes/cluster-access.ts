import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { waitFor } from "../wait-for.ts";

/** Where a test's cluster is, and how to get in; plain data, for other processes. */
export interface KubeAddress {
  readonly port: number;
  /** Of the user `admin`, who may do all. */
  readonly token: string;
  /** PEM; signed by itself. */
  readonly certificate: string;
  /** For files of tests; removed with the cluster. */
  readonly folder: string;
}

export interface KubeAnswer {
  readonly status: number;
  /** Parsed, where it is JSON. */
  readonly body: any;
  /** What the API server warns of, as kubectl shows it: the header. */
  readonly warning: string | undefined;
}

export interface KubeRequestOptions {
  /** Default: the admin's. */
  readonly token?: string | undefined;
  /** Default `application/json`; patches need another. */
  readonly contentType?: string | undefined;
}

/** A rule of a Role or ClusterRole (rbac.authorization.k8s.io/v1). */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** How tests get at a cluster. */
export interface KubeAccess {
  readonly address: KubeAddress;
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  /** A request to the API server, such as `api("POST", "/api/v1/namespaces", {…})`. */
  api(method: string, path: string, body?: object | string, options?: KubeRequestOptions): Promise<KubeAnswer>;
  /** The same; throws with the server's message unless the status is 2xx. Resolves to the body. */
  apiOk(method: string, path: string, body?: object | string, options?: KubeRequestOptions): Promise<any>;
  /** Writes a kubeconfig and resolves to its path. Default: the admin's. `port`: of a proxy in front of the API server. */
  kubeconfig(options?: {
    readonly token?: string;
    readonly tokenFile?: string;
    readonly namespace?: string;
    readonly port?: number;
  }): Promise<string>;
  /** Creates a namespace that no other test has, and resolves to its name. */
  namespace(labels?: Readonly<Record<string, string>>): Promise<string>;
  /**
   * Creates a service account that may do what the rules say and nothing else: in its own namespace (`rules`), in all (`clusterRules`).
   * Resolves to its token.
   */
  serviceAccount(options: {
    readonly namespace: string;
    readonly rules?: readonly PolicyRule[];
    readonly clusterRules?: readonly PolicyRule[];
  }): Promise<string>;
  /** Creates CustomResourceDefinitions (those that exist are left as they are) and waits until they are established. */
  createCrds(crds: readonly object[]): Promise<void>;
}

export function clusterAccess(address: KubeAddress): KubeAccess {
  const { port, folder } = address;
  const url = `https://127.0.0.1:${port}`;
  let files = 0;

  const api: KubeAccess["api"] = (method, path, body, options = {}) =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${options.token ?? address.token}`,
        "content-type": options.contentType ?? "application/json",
      };
      const signal = AbortSignal.timeout(20_000);
      const outgoing = request(
        url + path,
        { method, headers, ca: address.certificate, agent: false, signal },
        (incoming) => {
          let text = "";
          incoming.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          incoming.once("error", reject);
          incoming.once("end", () => {
            const { statusCode = 0, headers } = incoming;
            resolve({ status: statusCode, body: parsed(text), warning: headers.warning });
          });
        },
      );
      outgoing.once("error", reject);
      outgoing.end(typeof body === "object" ? JSON.stringify(body) : body);
    });
  const apiOk: KubeAccess["apiOk"] = async (method, path, body, options) => {
    const answer = await api(method, path, body, options);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw new Error(`${answer.status} to ${method} ${path}: ${answer.body?.message ?? answer.body}`);
  };
  return {
    address,
    url,
    api,
    apiOk,
    async kubeconfig(options = {}) {
      const { token, tokenFile, namespace } = options;
      const user = tokenFile === undefined ? { token: token ?? address.token } : { tokenFile };
      const config = {
        apiVersion: "v1",
        kind: "Config",
        clusters: [
          {
            name: "test",
            cluster: {
              server: `https://127.0.0.1:${options.port ?? port}`,
              "certificate-authority-data": Buffer.from(address.certificate).toString("base64"),
            },
          },
        ],
        users: [{ name: "test", user }],
        contexts: [{ name: "test", context: { cluster: "test", user: "test", ...(namespace && { namespace }) } }],
        "current-context": "test",
      };
      const path = join(folder, `kubeconfig-${process.pid}-${++files}`);
      await mkdir(folder, { recursive: true });
      await writeFile(path, JSON.stringify(config), { mode: 0o600 });
      return path;
    },
    async namespace(labels = {}) {
      const name = `test-${randomUUID().slice(0, 13)}`;
      await apiOk("POST", "/api/v1/namespaces", { metadata: { name, labels } });
      return name;
    },
    async serviceAccount({ namespace, rules = [], clusterRules = [] }) {
      const name = `account-${randomUUID().slice(0, 13)}`;
      const subjects = [{ kind: "ServiceAccount", name, namespace }];
      const rbac = "/apis/rbac.authorization.k8s.io/v1";
      const apiGroup = "rbac.authorization.k8s.io";
      const metadata = { name };
      await apiOk("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata });
      const inNamespace = `${rbac}/namespaces/${namespace}`;
      await apiOk("POST", `${inNamespace}/roles`, { metadata, rules });
      await apiOk("POST", `${inNamespace}/rolebindings`, {
        metadata,
        subjects,
        roleRef: { apiGroup, kind: "Role", name },
      });
      await apiOk("POST", `${rbac}/clusterroles`, { metadata, rules: clusterRules });
      const roleRef = { apiGroup, kind: "ClusterRole", name };
      await apiOk("POST", `${rbac}/clusterrolebindings`, { metadata, subjects, roleRef });
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const { status } = await apiOk("POST", path, { spec: { expirationSeconds: 3_600 } });
      return status.token;
    },
    async createCrds(crds) {
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      await Promise.all(
        crds.map(async (crd) => {
          const answer = await api("POST", path, crd);
          if (answer.status !== 201 && answer.body?.reason !== "AlreadyExists")
            throw new Error(`the API server refused a CRD: ${answer.body?.message ?? answer.body}`);
          const { name } = (crd as { metadata: { name: string } }).metadata;
          await waitFor(
            async () => {
              const { status } = await apiOk("GET", `${path}/${name}`);
              return status.conditions?.some((c: any) => c.type === "Established" && c.status === "True");
            },
            { timeout: 180_000, interval: 100 },
          );
        }),
      );
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
