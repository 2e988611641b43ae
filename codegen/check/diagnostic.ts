import type { Position } from "../model/model.ts";

/** Something in the protos that keeps code from being generated. */
export interface Diagnostic {
  readonly position: Position;
  /** What is wrong, and what to do: two sentences. */
  readonly message: string;
}

/** One line as compilers print it: `file:line:column: what. What to do.` */
export const diagnosticText = ({ position: { file, line, column }, message }: Diagnostic): string =>
  `${file}:${line}:${column}: ${message}`;
