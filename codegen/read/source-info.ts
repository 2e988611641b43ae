import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { Position } from "../model/model.ts";

/** Where the parts of a file are and what is written above them. */
export interface SourceInfo {
  /** Position of the longest known beginning of a path (field numbers and indexes into the file's descriptor). */
  position(path: readonly number[]): Position;
  /** The comment above, its lines trimmed; empty if there is none. */
  comment(path: readonly number[]): string;
}

/** Source positions of a file; they are absent where the compiler was told to leave them out. */
export function readSourceInfo(file: FileDescriptorProto): SourceInfo {
  const locations = new Map(file.sourceCodeInfo?.location.map((location) => [location.path.join("."), location]));
  return {
    position(path) {
      for (let length = path.length; length > 0; length--) {
        const span = locations.get(path.slice(0, length).join("."))?.span;
        if (span !== undefined) return { file: file.name, line: (span[0] ?? 0) + 1, column: (span[1] ?? 0) + 1 };
      }
      return { file: file.name, line: 1, column: 1 };
    },
    comment(path) {
      const text = locations.get(path.join("."))?.leadingComments ?? "";
      return text
        .split("\n")
        .map((line) => line.trim())
        .join("\n")
        .trim();
    },
  };
}
