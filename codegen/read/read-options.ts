import { createFileRegistry, getExtension, hasExtension } from "@bufbuild/protobuf";
import {
  type FieldOptions,
  type FileDescriptorProto,
  file_google_protobuf_descriptor,
  type MessageOptions,
} from "@bufbuild/protobuf/wkt";

/** The options of epoxy/options/v1/options.proto, with defaults filled in. */
interface ResourceOptions {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: number;
  readonly hasStatus: boolean;
  readonly native: boolean;
  readonly streamed: boolean;
  readonly columns: readonly { readonly header: string; readonly path: string; readonly wide: boolean }[];
}

interface SnapshotOptions {
  readonly description: string;
}

interface MessageRules {
  readonly inlineKeys: readonly string[];
}

interface FieldRules {
  readonly aliases: readonly string[];
  readonly singleAliases: readonly string[];
  readonly unwrap: string;
  readonly restrictsAccess: boolean;
  readonly sensitive: boolean;
}

/** Reads Epoxy's options; each is undefined where it isn't set. */
export interface OptionReader {
  resource(options: MessageOptions | undefined): ResourceOptions | undefined;
  snapshot(options: MessageOptions | undefined): SnapshotOptions | undefined;
  messageRules(options: MessageOptions | undefined): MessageRules | undefined;
  fieldRules(options: FieldOptions | undefined): FieldRules | undefined;
}

/** Number of `resource` among a message's options, `snapshot` and so on: parts of paths in source positions. */
export const optionNumbers = { resource: 50100, snapshot: 50101 } as const;

const optionsFile = "epoxy/options/v1/options.proto";

/**
 * A reader for the options as the given files declare them. They are read by reflection, not by generated code, so that
 * the generator can make its own output from nothing. Without options.proto among the files nothing is a resource.
 */
export function createOptionReader(files: readonly FileDescriptorProto[]): OptionReader {
  const declaration = files.find((file) => file.name === optionsFile);
  const registry =
    declaration === undefined
      ? undefined
      : createFileRegistry(declaration, (name) =>
          name === "google/protobuf/descriptor.proto" ? file_google_protobuf_descriptor : undefined,
        );

  function read(name: string, options: MessageOptions | FieldOptions | undefined): unknown {
    const extension = registry?.getExtension(`epoxy.options.v1.${name}`);
    if (extension === undefined || options === undefined || !hasExtension(options as never, extension))
      return undefined;
    return getExtension(options as never, extension);
  }

  // The declaration is Epoxy's own: its fields are those of the interfaces above.
  return {
    resource: (options) => read("resource", options) as ResourceOptions | undefined,
    snapshot: (options) => read("snapshot", options) as SnapshotOptions | undefined,
    messageRules: (options) => read("message", options) as MessageRules | undefined,
    fieldRules: (options) => read("field", options) as FieldRules | undefined,
  };
}
