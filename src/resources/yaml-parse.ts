import type { Document } from "yaml";
import { maxJsonDepth } from "./json-context.ts";
import { yaml } from "./yaml-library.ts";

/** YAML that was parsed, or why and where parsing was given up. Faults within documents are in their `errors`. */
export type ParsedYaml =
  | { readonly documents: readonly Document.Parsed[]; readonly refused: undefined }
  | { readonly documents: undefined; readonly refused: { readonly message: string; readonly offset: number } };

/** About 4 MB of YAML as people write it. Each token costs some microseconds and some hundred bytes. */
const maxTokens = 1_000_000;

/** Keys are checked by whoever converts the documents, in linear time, not by the library. */
const composerOptions = { schema: "core", uniqueKeys: false, prettyErrors: false, logLevel: "error" } as const;

/**
 * Parses all documents of a YAML text, within bounds on nesting and on the number of tokens, which the library doesn't
 * have: it composes recursively, and makes an Error of every fault.
 */
export function parseYaml(text: string, options: { readonly keepSourceTokens?: boolean } = {}): ParsedYaml {
  const { Composer, Lexer, Parser } = yaml();
  const parser = new Parser();
  const composer = new Composer({ ...composerOptions, keepSourceTokens: options.keepSourceTokens === true });
  const documents: Document.Parsed[] = [];
  const { stackTraceLimit } = Error;
  // The stacks of thousands of syntax errors are the greater part of their cost, and nobody sees them.
  Error.stackTraceLimit = 0;
  try {
    let tokens = 0;
    for (const lexeme of new Lexer().lex(text)) {
      if (++tokens > maxTokens) return refuse(`too large: more than ${maxTokens} YAML tokens`, parser.offset);
      for (const token of parser.next(lexeme)) documents.push(...composer.next(token));
      if (parser.stack.length > maxJsonDepth + 2)
        return refuse(`nested more than ${maxJsonDepth} levels deep`, parser.offset);
    }
    for (const token of parser.end()) documents.push(...composer.next(token));
    documents.push(...composer.end(false, text.length));
    return { documents, refused: undefined };
  } catch (error) {
    // No input is known to get here: the library doesn't promise not to throw.
    return refuse(`not valid YAML: ${(error as Error).message}`, parser.offset);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function refuse(message: string, offset: number): ParsedYaml {
  return { documents: undefined, refused: { message, offset } };
}
