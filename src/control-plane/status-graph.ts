import { type Status, Status_State } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { Collection, Graph, Index, Lookup } from "../collections/index.ts";
import {
  type AnyKind,
  type Ref,
  refKey,
  type Resource,
  sharedText,
  type TranslationProblem,
} from "../resources/index.ts";
import { statusOfReport } from "../snapshot/index.ts";
import { indexProblems, problemKey, type ResourceProblem } from "./problem-index.ts";

/** The verdict on a resource, and the very version that it is about. */
export interface JudgedResource {
  readonly resource: Resource;
  readonly status: Status;
}

/** A kind whose resources get statuses from this process. */
export interface JudgedKind {
  readonly kind: AnyKind;
  readonly resources: Collection<Resource>;
  /** `gateway` for what gateways are made of, `gloo` for the rest, as in Gloo. */
  readonly reportedBy: "gateway" | "gloo";
  /** Whether a resource without a listener or virtual host of its own is not in force, and should say so. */
  readonly mustBeServed: boolean;
}

export interface StatusInputs {
  readonly kinds: readonly JudgedKind[];
  /** What is wrong with the resources themselves. */
  readonly ownProblems: readonly Collection<readonly TranslationProblem[]>[];
  /** What came up when the Proxy made from them was translated for Envoy. */
  readonly proxyProblems: readonly Collection<readonly TranslationProblem[]>[];
  readonly listeners: Collection<ProxyFragment>;
  readonly virtualHosts: Collection<ProxyFragment>;
}

const ownersOf = (fragment: ProxyFragment): string[] => {
  const { kind = "", ref } = fragment.owner ?? {};
  return ref === undefined ? [] : [problemKey({ kind, ref })];
};

const NO_PROXIES: readonly Ref[] = [];

/** A status for each resource of the kinds, by refKey; changes only where the verdict does. */
export function statusGraph(graph: Graph, inputs: StatusInputs): ReadonlyMap<string, Collection<JudgedResource>> {
  const allProblems = indexProblems(graph, "status/problems", [inputs.ownProblems, inputs.proxyProblems]);
  const fragments: Partial<Record<string, Index<ProxyFragment>>> = {
    Gateway: inputs.listeners.index("by-owner", ownersOf),
    VirtualService: inputs.virtualHosts.index("by-owner", ownersOf),
  };

  /** Of a resource of a kind that has a listener or virtual hosts of its own. */
  const proxiesOf = (lookup: Lookup, kind: string, owner: string): readonly Ref[] => {
    const own = fragments[kind];
    const found = own === undefined ? NO_PROXIES : lookup.index(own, owner).flatMap(({ proxy }) => proxy ?? []);
    if (found.length < 2) return found;
    return [...new Map(found.map((proxy) => [refKey(proxy), proxy])).values()];
  };

  return new Map(
    inputs.kinds.map((judged) => {
      const cleanStatus = keepLast((proxies: readonly Ref[]) => statusOf(judged, [], proxies, []));
      const collection = graph.derive(
        `status/${judged.kind.plural}`,
        judged.resources,
        (resource, key, lookup): JudgedResource => {
          // The key is the resource's refKey.
          const source = sharedText(`${judged.kind.kind}/${key}`);
          const proxies = proxiesOf(lookup, judged.kind.kind, source);
          const [own = [], proxyProblems = []] = allProblems.of(lookup, source);
          const problems = [...own, ...proxyProblems];
          if (judged.mustBeServed && proxies.length === 0 && problems.length === 0) problems.push(notServed);
          const status =
            problems.length === 0 ? cleanStatus(proxies) : statusOf(judged, problems, proxies, proxyProblems);
          return { resource, status };
        },
      );
      return [judged.kind.kind, collection] as const;
    }),
  );
}

/** Almost all resources have nothing wrong and are in the same Proxies, and so have one status. */
function keepLast(make: (proxies: readonly Ref[]) => Status): (proxies: readonly Ref[]) => Status {
  let last: { readonly key: string; readonly status: Status } | undefined;
  return (proxies) => {
    const key = proxies.map(refKey).join(" ");
    if (last?.key !== key) last = { key, status: make(proxies) };
    return last.status;
  };
}

function statusOf(
  judged: JudgedKind,
  problems: readonly ResourceProblem[],
  proxies: readonly Ref[],
  proxyProblems: readonly ResourceProblem[],
): Status {
  const state = worst(proxyProblems);
  const subresourceStatuses = Object.fromEntries(
    proxies.map((proxy) => [
      `*v1.Proxy.${proxy.namespace}.${proxy.name}`,
      { state, reason: "", reportedBy: "gloo", subresourceStatuses: {}, details: undefined, messages: [] },
    ]),
  );
  const texts = (severity: ResourceProblem["severity"]) =>
    problems.filter((problem) => problem.severity === severity).map(({ message }) => message);
  return statusOfReport(
    { errors: texts("error"), warnings: texts("warning"), messages: [] },
    { reportedBy: judged.reportedBy, subresourceStatuses },
  );
}

function worst(problems: readonly ResourceProblem[]): Status_State {
  if (problems.some(({ severity }) => severity === "error")) return Status_State.Rejected;
  return problems.length > 0 ? Status_State.Warning : Status_State.Accepted;
}

export const notServed: ResourceProblem = {
  severity: "warning",
  message: "not served: no gateway selects this virtual service (namespaces, labels, references and ssl must fit)",
};
