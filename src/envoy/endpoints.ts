import { isIP } from "node:net";
import { socketAddress } from "./address.ts";
import { ClusterLoadAssignment, EnvoyEndpoint, LbEndpoint, LocalityLbEndpoints } from "./api.ts";
import { LOAD_BALANCER_METADATA } from "./destination.ts";

/** An instance of an Upstream that discovery found. */
export interface EndpointAddress {
  /** An IP address: Envoy resolves no names of endpoints that it is sent. */
  readonly address: string;
  readonly port: number;
  /** For health checks and for `autoHostRewrite`. */
  readonly hostname?: string | undefined;
  /** Share of the load, from 1; undefined is 1. */
  readonly weight?: number | undefined;
  /** What subsets choose by, such as `tag_blue: "1"`. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Further IP addresses of the same instance, which Envoy tries where the first doesn't answer (happy eyeballs). */
  readonly additionalAddresses?: readonly string[] | undefined;
  /** Where it runs. Instances without one are in a place of their own. */
  readonly zone?: string | undefined;
}

/** Endpoints for Envoy. */
export interface TranslatedEndpoints {
  readonly assignment: ClusterLoadAssignment;
  /** The encoded assignment: equal for equal endpoints, whatever their order. */
  readonly bytes: Uint8Array;
  /** The endpoints that were left out, since Envoy would refuse them all for one that has no IP address or port. */
  readonly rejected: readonly EndpointAddress[];
}

const EMPTY = ClusterLoadAssignment.fromPartial({});
const EMPTY_LOCALITY = LocalityLbEndpoints.fromPartial({});
const EMPTY_LB_ENDPOINT = LbEndpoint.fromPartial({});
const EMPTY_ENDPOINT = EnvoyEndpoint.fromPartial({});
const MAX_WEIGHT = 0xffff_ffff;

/**
 * Translates the endpoints of an EDS cluster. Without endpoints the assignment is empty: requests then get 503.
 *
 * @param serviceName - what the cluster asks for: `edsServiceName` of the translated upstream
 */
export function translateEndpoints(serviceName: string, endpoints: readonly EndpointAddress[]): TranslatedEndpoints {
  const valid: { readonly key: string; readonly zone: string; readonly endpoint: LbEndpoint }[] = [];
  const rejected: EndpointAddress[] = [];
  for (const endpoint of endpoints) {
    if (isUsable(endpoint)) {
      valid.push({ key: sortKey(endpoint), zone: endpoint.zone ?? "", endpoint: translate(endpoint) });
    } else rejected.push(endpoint);
  }
  valid.sort((a, b) => (a.key < b.key ? -1 : 1));
  // Envoy refuses weights that add up to more than 32 bits: equal shares then.
  const total = endpoints.reduce((sum, { weight }) => sum + (weight ?? 1), 0);
  const endpointsIn = (zone: string): LbEndpoint[] =>
    valid
      .filter((it) => it.zone === zone)
      .map(({ endpoint }) => (total > MAX_WEIGHT ? { ...endpoint, loadBalancingWeight: undefined } : endpoint));
  const zones = [...new Set(valid.map(({ zone }) => zone))].sort();
  const localities = zones.map((zone) => locality(zone, zones.length > 1, endpointsIn(zone)));
  const assignment: ClusterLoadAssignment = { ...EMPTY, clusterName: serviceName, endpoints: localities };
  return { assignment, bytes: ClusterLoadAssignment.encode(assignment).finish(), rejected };
}

/** With several, load is shared by their instances where an Upstream asks for weighted localities; Envoy sends none to one without weight. */
function locality(zone: string, hasOthers: boolean, lbEndpoints: readonly LbEndpoint[]): LocalityLbEndpoints {
  return {
    ...EMPTY_LOCALITY,
    locality: zone === "" ? undefined : { region: "", zone, subZone: "" },
    lbEndpoints,
    loadBalancingWeight: zone !== "" || hasOthers ? lbEndpoints.length : undefined,
  };
}

function isUsable({ address, additionalAddresses = [], port, weight }: EndpointAddress): boolean {
  const goodWeight = weight === undefined || (Number.isInteger(weight) && weight >= 1 && weight <= MAX_WEIGHT);
  const goodAddresses = [address, ...additionalAddresses].every((it) => isIP(it) !== 0 && !it.includes("%"));
  return goodAddresses && Number.isInteger(port) && port >= 1 && port <= 65_535 && goodWeight;
}

const sortedLabels = (labels: EndpointAddress["labels"]): [string, string][] =>
  Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

const sortKey = ({ address, port, hostname, weight, labels, additionalAddresses }: EndpointAddress): string =>
  JSON.stringify([address, port, hostname, weight, sortedLabels(labels), additionalAddresses]);

function translate(instance: EndpointAddress): LbEndpoint {
  const { address, port, hostname = "", weight, labels, additionalAddresses = [] } = instance;
  const metadata = sortedLabels(labels);
  return {
    ...EMPTY_LB_ENDPOINT,
    hostIdentifier: {
      $case: "endpoint",
      value: {
        ...EMPTY_ENDPOINT,
        address: socketAddress(address, port),
        hostname,
        additionalAddresses: additionalAddresses.map((it) => ({ address: socketAddress(it, port) })),
      },
    },
    loadBalancingWeight: weight,
    metadata:
      metadata.length === 0
        ? undefined
        : { filterMetadata: { [LOAD_BALANCER_METADATA]: Object.fromEntries(metadata) }, typedFilterMetadata: {} },
  };
}
