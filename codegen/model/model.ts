/** Where something is declared. Lines and columns are counted from 1. */
export interface Position {
  /** Path of the .proto, as imports name it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** All files that the generator was given, as plain data. */
export interface Model {
  /** In order of path. */
  readonly files: readonly FileModel[];
  /** All messages by full name. */
  readonly messages: ReadonlyMap<string, MessageModel>;
  /** All enums by full name. */
  readonly enums: ReadonlyMap<string, EnumModel>;
}

export interface FileModel {
  readonly path: string;
  readonly packageName: string;
  readonly syntax: string;
  /** Whether code is wanted for it; the others are imported. */
  readonly generate: boolean;
  readonly position: Position;
  /** Nested ones too, in order of declaration. */
  readonly messages: readonly MessageModel[];
  readonly enums: readonly EnumModel[];
}

export interface MessageModel {
  /** Full protobuf name. */
  readonly typeName: string;
  readonly packageName: string;
  /** Name of ts-proto's interface, such as `VirtualHost_Route`. */
  readonly localName: string;
  /** Path of the .proto. */
  readonly file: string;
  readonly generate: boolean;
  readonly position: Position;
  /** The comment above it, without marks; empty if there is none. */
  readonly comment: string;
  /** In order of number. */
  readonly fields: readonly FieldModel[];
  readonly inlineKeys: readonly string[];
  readonly resource: ResourceModel | undefined;
  readonly snapshot: SnapshotModel | undefined;
}

export interface FieldModel {
  readonly position: Position;
  /** The comment above it, without marks; empty if there is none. */
  readonly comment: string;
  readonly number: number;
  readonly name: string;
  readonly jsonName: string;
  /** ts-proto's property. */
  readonly localName: string;
  /** The oneof that the field is in: its name, and ts-proto's property. */
  readonly oneof: { readonly name: string; readonly localName: string } | undefined;
  readonly cardinality: "singular" | "optional" | "repeated" | "map";
  readonly type: TypeModel;
  /** Scalar of a map's keys. */
  readonly mapKey: string | undefined;
  readonly deprecated: boolean;
  readonly aliases: readonly string[];
  readonly singleAliases: readonly string[];
  readonly unwrap: string | undefined;
  readonly restrictsAccess: boolean;
  readonly sensitive: boolean;
}

export type TypeModel =
  | { readonly kind: "scalar"; readonly name: string }
  | { readonly kind: "enum" | "message"; readonly name: string };

export interface EnumModel {
  readonly typeName: string;
  readonly packageName: string;
  readonly generate: boolean;
  /** The comment above it, without marks; empty if there is none. */
  readonly comment: string;
  /** In order of declaration. */
  readonly values: readonly EnumValueModel[];
}

export interface EnumValueModel {
  readonly name: string;
  readonly number: number;
  readonly comment: string;
}

/** What `(epoxy.options.v1.resource)` says. */
export interface ResourceModel {
  readonly position: Position;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: "namespaced" | "cluster";
  readonly hasStatus: boolean;
  /** Whether Kubernetes keeps it in a kind of its own. */
  readonly native: boolean;
  /** Whether a server and a client are generated that stream it. */
  readonly streamed: boolean;
  readonly columns: readonly ColumnModel[];
}

export interface ColumnModel {
  readonly header: string;
  readonly path: string;
  readonly wide: boolean;
}

/** What `(epoxy.options.v1.snapshot)` says. */
export interface SnapshotModel {
  readonly position: Position;
  readonly description: string;
}
