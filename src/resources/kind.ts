import type { Metadata } from "../../generated/proto/epoxy/core/v1/metadata.ts";
import type { NamespacedStatuses } from "../../generated/proto/epoxy/core/v1/status.ts";
import type { MessageType } from "./message-type.ts";

/** A resource of any kind: a generated message with metadata, and statuses where its kind has them. */
export interface Resource {
  readonly metadata?: Metadata | undefined;
  readonly namespacedStatuses?: NamespacedStatuses | undefined;
}

/** A column of a kind's table on the command line. */
export interface Column {
  readonly header: string;
  /** Dotted path in proto names, such as `virtual_host.domains`; `status` stands for the state. */
  readonly path: string;
  readonly wide: boolean;
}

/** A kind of resource: everything that generic code (storage, watches, tables, schemas) needs to know of it. */
export interface Kind<T extends Resource = Resource> {
  /** API group, such as `gateway.solo.io`. */
  readonly group: string;
  /** API version, such as `v1`. */
  readonly version: string;
  /** Such as `VirtualService`. */
  readonly kind: string;
  /** Such as `virtualservices`; the folder's name in file storage. */
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: "namespaced" | "cluster";
  readonly hasStatus: boolean;
  readonly columns: readonly Column[];
  readonly type: MessageType<T>;
}

/** A kind of which only the names matter. */
export type AnyKind = Kind<any>;
