import type { Document } from "yaml";
import { maxJsonDepth } from "./json-context.ts";
import { yaml } from "./yaml-library.ts";

/** YAML that was parsed, or why and where parsing was given up. Faults within documents are in their `errors`. */
export type ParsedYaml = { /** How many it took. */ readonly tokens: number } & (
  | { readonly documents: readonly Document.Parsed[]; readonly refused: undefined }
  | { readonly documents: undefined; readonly refused: { readonly message: string; readonly offset: number } }
);

export interface ParseYamlOptions {
  readonly keepSourceTokens?: boolean;
  /** Default {@link maxTokens}. */
  readonly maxTokens?: number;
}

/** About 4 MB of YAML as people write it. Each token costs some microseconds and some hundred bytes. */
export const maxTokens = 1_000_000;

/** Keys are checked by whoever converts the documents, in linear time, not by the library. */
const composerOptions = { schema: "core", uniqueKeys: false, prettyErrors: false, logLevel: "error" } as const;

/**
 * Parses all documents of a YAML text, within bounds on nesting and on the number of tokens, which the library doesn't
 * have: it composes recursively, and makes an Error of every fault.
 */
export function parseYaml(text: string, options: ParseYamlOptions = {}): ParsedYaml {
  const most = options.maxTokens ?? maxTokens;
  const { Composer, Lexer, Parser } = yaml();
  const parser = new Parser();
  const composer = new Composer({ ...composerOptions, keepSourceTokens: options.keepSourceTokens === true });
  const documents: Document.Parsed[] = [];
  const { stackTraceLimit } = Error;
  // The stacks of thousands of syntax errors are the greater part of their cost, and nobody sees them.
  Error.stackTraceLimit = 0;
  let tokens = 0;
  const refuse = (message: string): ParsedYaml => ({
    documents: undefined,
    tokens,
    refused: { message, offset: parser.offset },
  });
  try {
    for (const lexeme of new Lexer().lex(text)) {
      if (++tokens > most) return refuse(`too large: more than ${maxTokens} YAML tokens`);
      for (const token of parser.next(lexeme)) documents.push(...composer.next(token));
      if (parser.stack.length > maxJsonDepth + 2) return refuse(`nested more than ${maxJsonDepth} levels deep`);
    }
    for (const token of parser.end()) documents.push(...composer.next(token));
    documents.push(...composer.end(false, text.length));
    return { documents, tokens, refused: undefined };
  } catch (error) {
    // No input is known to get here: the library doesn't promise not to throw.
    return refuse(`not valid YAML: ${(error as Error).message}`);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
