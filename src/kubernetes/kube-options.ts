import type { RequestRate } from "./limit-requests.ts";

/** Which cluster, and as whom. */
export interface KubernetesOptions {
  /**
   * Path of a kubeconfig. Default: what `$KUBECONFIG` names, else `~/.kube/config`, else, in a Pod, its service account.
   */
  readonly kubeconfig?: string | undefined;
  /** What the path of a Pod's service account, `/var/run/secrets/kubernetes.io/serviceaccount`, begins with. Default: nothing. */
  readonly podRoot?: string | undefined;
  /** A context of the kubeconfig; default: its current one. */
  readonly context?: string | undefined;
  /** Requests wait so that there are no more of them; default: they don't. */
  readonly rate?: RequestRate | undefined;
  /** Milliseconds that a call may take, from when it leaves. Default 10,000. */
  readonly timeout?: number | undefined;
  /**
   * Milliseconds, on average, after which a watch is asked for anew where it left off; default 45,000. It also bounds how long a
   * connection that died silently stays unnoticed.
   */
  readonly watchTime?: number | undefined;
}
