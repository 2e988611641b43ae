import type { Metadata } from "../../../generated/proto/epoxy/core/v1/metadata.ts";
import type { NamespacedStatuses, Status } from "../../../generated/proto/epoxy/core/v1/status.ts";
import type { Kind, Resource } from "../../../src/resources/index.ts";
import { messageTables } from "../../../src/resources/message-table.ts";

const tables = messageTables(`package epoxy.core.v1
message Metadata
1 name string
2 namespace string
3 cluster string alias=clusterName
4 resource_version string
5 labels {string}string
6 annotations {string}string
7 generation int64
8 owner_references []OwnerReference
9 uid string
10 creation_timestamp string
11 deletion_timestamp string
12 deletion_grace_period_seconds int64
13 finalizers []string
14 generate_name string
15 self_link string
16 managed_fields [].google.protobuf.Struct
message OwnerReference
1 api_version string
2 kind string
3 name string
4 uid string
5 controller bool
6 block_owner_deletion bool
message NamespacedStatuses
1 statuses {string}Status
message Status
1 state Status.State
2 reason string
3 reported_by string
4 subresource_statuses {string}Status
5 details .google.protobuf.Struct
6 messages []string
enum Status.State
0 Pending
1 Accepted
2 Rejected
3 Warning
package epoxy.test.v1
message Widget
1 metadata .epoxy.core.v1.Metadata
2 namespaced_statuses .epoxy.core.v1.NamespacedStatuses
3 text string
4 texts []string
5 texts_by_name {string}string
6 data bytes
7 large int64
8 size Size
9 any .google.protobuf.Any
10 config .google.protobuf.Struct
11 wait .google.protobuf.Duration
12 flag .google.protobuf.BoolValue
13 path string oneof=match
14 part Part oneof=match
15 parts_by_number {int64}Part
16 parts []Part
17 optional_number ?uint32
message Part
1 name string
2 weight double
enum Size
0 Small
1 Medium
message Gadget
1 metadata .epoxy.core.v1.Metadata
3 text string
message Territory
1 metadata .epoxy.core.v1.Metadata
2 namespaced_statuses .epoxy.core.v1.NamespacedStatuses
3 text string`);

export interface Part {
  readonly name: string;
  readonly weight: number;
}

/** A namespaced resource with a field of every sort. */
export interface Widget extends Resource {
  readonly metadata: Metadata | undefined;
  readonly namespacedStatuses: NamespacedStatuses | undefined;
  readonly text: string;
  readonly texts: readonly string[];
  readonly textsByName: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
  readonly large: bigint;
  readonly size: number;
  readonly any: { readonly typeUrl: string; readonly value: Uint8Array } | undefined;
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly wait: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly flag: boolean | undefined;
  readonly match:
    | { readonly $case: "path"; readonly value: string }
    | { readonly $case: "part"; readonly value: Part }
    | undefined;
  readonly partsByNumber: ReadonlyMap<bigint, Part>;
  readonly parts: readonly Part[];
  readonly optionalNumber: number | undefined;
}

/** A second kind, without a status. */
export interface Gadget extends Resource {
  readonly metadata: Metadata | undefined;
  readonly text: string;
}

/** A kind of cluster scope. */
export type Territory = Gadget & { readonly namespacedStatuses: NamespacedStatuses | undefined };

const kindOf = <T extends Resource>(
  kind: string,
  plural: string,
  scope: Kind["scope"],
  hasStatus: boolean,
): Kind<T> => ({
  group: "test.epoxy.io",
  version: "v1",
  kind,
  plural,
  shortNames: [],
  scope,
  hasStatus,
  columns: [],
  type: tables.message<T>(`epoxy.test.v1.${kind}`),
});

export const WidgetKind = kindOf<Widget>("Widget", "widgets", "namespaced", true);
export const GadgetKind = kindOf<Gadget>("Gadget", "gadgets", "namespaced", false);
export const TerritoryKind = kindOf<Territory>("Territory", "territories", "cluster", true);

export interface MetadataInput {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resourceVersion?: string;
}

const make = <T extends Resource>(kind: Kind<T>, name: string, metadata: MetadataInput, rest: object): T =>
  kind.type.codec.fromPartial({ metadata: { name, ...metadata }, ...rest });

/** A widget, in namespace `ns-1` if the metadata doesn't say otherwise. */
export const widget = (name: string, rest: Partial<Widget> = {}, metadata: MetadataInput = {}): Widget =>
  make(WidgetKind, name, { namespace: "ns-1", ...metadata }, rest);

export const gadget = (name: string, text = ""): Gadget => make(GadgetKind, name, { namespace: "ns-1" }, { text });

export const territory = (name: string, text = ""): Territory => make(TerritoryKind, name, {}, { text });

/** The resource with another version, as a writer has it who read it then. */
export const withVersion = <T extends Resource>(resource: T, resourceVersion: string): T => ({
  ...resource,
  metadata: { ...resource.metadata, resourceVersion },
});

const statusType = tables.message<Status>("epoxy.core.v1.Status");

export const status = (state: number, reason = "", reportedBy = "test"): Status =>
  statusType.codec.fromPartial({ state, reason, reportedBy });
