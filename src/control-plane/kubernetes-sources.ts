import type { Upstream } from "../../generated/proto/epoxy/gloo/v1/upstream.ts";
import type { Collection, Graph, Source } from "../collections/index.ts";
import {
  type Discovery,
  type EndpointSlice,
  followCluster,
  needsPods,
  readEndpointSlice,
  readService,
  type Service,
} from "../discovery/index.ts";
import type { KubeObject, KubernetesClient, KubeResource } from "../kubernetes/index.ts";
import type { NamespaceChoice } from "../storage/kubernetes/index.ts";
import { refKey } from "../resources/index.ts";
import type { KubernetesInputs } from "./kubernetes-graph.ts";

export interface KubernetesSourcesOptions {
  readonly client: KubernetesClient;
  /** By name or by labels; undefined: all. */
  readonly namespaces: readonly string[] | NamespaceChoice | undefined;
  readonly onlyIPv4: boolean;
  /** Whether endpoints matter to this process. */
  readonly endpoints: boolean;
  /** Whether it writes Upstreams for services. */
  readonly discovery: boolean;
}

/** What is followed of a Kubernetes cluster. */
export interface KubernetesSources extends Discovery {
  readonly inputs: KubernetesInputs;
  /** Services for who must know that these are all; synced only once they have been read. Undefined: nobody discovers. */
  readonly discovered: Collection<Service> | undefined;
  /** What is waited for at the start is served: from now on, only who needs Kubernetes waits for it. */
  waitNoMore(): void;
  /** Follows pods from the moment on at which one of these Upstreams chooses among them. */
  choosingAmongPods(upstreams: Collection<Upstream>): void;
}

const core = (plural: string): KubeResource => ({ group: "", version: "v1", plural, namespaced: true });
const endpointSlices: KubeResource = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  namespaced: true,
};

/** Keeps Services and EndpointSlices, and Pods where they are needed, in sources of the graph. */
export function openKubernetesSources(graph: Graph, options: KubernetesSourcesOptions): KubernetesSources {
  const { client, namespaces, onlyIPv4 } = options;
  const services = graph.source<Service>("kubernetes/services");
  const slices = graph.source<EndpointSlice>("kubernetes/endpoint-slices");
  const pods = graph.source<Readonly<Record<string, string>>>("kubernetes/pods");
  const podsKnown = graph.value<boolean>("kubernetes/pods-known");
  podsKnown.set(false);
  // Whether they are complete is what `podsKnown` says: most need none, and must not wait for them.
  pods.markSynced();
  const discovered = options.discovery ? graph.source<Service>("kubernetes/discovered-services") : undefined;
  const unread = graph.value<string>("kubernetes/unread");
  unread.set(undefined);
  const pending = new Set<object>();
  let failure = "it has not been read yet";
  let isWaiting = true;
  const following: Discovery[] = [];
  function follow<T>(
    resource: KubeResource,
    sources: readonly Pick<Source<T>, "apply" | "markSynced">[],
    read: (object: KubeObject) => T | undefined,
  ): void {
    const source: Pick<Source<T>, "apply" | "markSynced"> = {
      apply(edits) {
        const all = [...edits];
        for (const one of sources) one.apply(all);
      },
      markSynced() {
        for (const one of sources) one.markSynced();
        if (pending.delete(resource) && pending.size === 0) unread.set(undefined);
      },
    };
    const onFailure = (message: string): void => {
      if (!pending.has(resource)) return;
      failure = message;
      if (!isWaiting) unread.set(failure);
    };
    pending.add(resource);
    following.push(followCluster({ client, resource, namespaces, source, read, onFailure }));
  }
  follow(core("services"), discovered === undefined ? [services] : [services, discovered], readService);
  if (options.endpoints) follow(endpointSlices, [slices], readEndpointSlice);
  else slices.markSynced();

  function followPods(): void {
    const known = { apply: pods.apply.bind(pods), markSynced: () => podsKnown.set(true) };
    const read = ({ metadata }: KubeObject) => metadata?.labels ?? {};
    following.push(followCluster({ client, resource: core("pods"), namespaces, source: known, read }));
  }
  let stop = (): void => {};
  const close = async (): Promise<void> => {
    stop();
    await Promise.all(following.map((one) => one.close()));
  };
  return {
    inputs: { services, slices, pods, podsKnown, unread, onlyIPv4 },
    discovered,
    waitNoMore() {
      isWaiting = false;
      if (pending.size > 0) unread.set(failure);
      services.markSynced();
      slices.markSynced();
    },
    choosingAmongPods(upstreams) {
      const choosing = graph.derive(
        "kubernetes/choosing-upstreams",
        upstreams,
        ({ upstreamType: type }, _key, lookup) => {
          if (type?.$case !== "kube") return undefined;
          const { serviceNamespace: namespace, serviceName: name } = type.value;
          const service = lookup.get(services, refKey({ namespace, name }));
          return (service !== undefined && needsPods(type.value, service)) || undefined;
        },
      );
      stop = choosing.subscribe(
        () => {
          if (choosing.size === 0) return;
          stop();
          followPods();
        },
        { initial: false },
      );
    },
    waitingFor: () => following.flatMap((one) => one.waitingFor()),
    close,
    [Symbol.asyncDispose]: close,
  };
}
