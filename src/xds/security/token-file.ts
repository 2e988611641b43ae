import { createHash, timingSafeEqual } from "node:crypto";
import { EpoxyError } from "../../errors/index.ts";
import { watchFiles } from "./watch-files.ts";

/** Bearer tokens from a file, read anew when it changes. */
export interface TokenFile {
  /** Takes the same time whatever the difference. */
  has(token: string): boolean;
  close(): void;
}

export interface TokenFileOptions {
  /** One token on each line, so that an old and a new one can hold while proxies change over; lines that begin with # are remarks. */
  readonly file: string;
  /** The tokens are others now. */
  onChange(): void;
  /** The changed file can't be used; the old tokens stay in force. */
  onError(error: Error): void;
  readonly intervalMs?: number | undefined;
}

/** Shorter ones can be guessed. */
const MIN_LENGTH = 16;

/** @throws `invalid` if the file can't be read or holds no usable token */
export async function openTokenFile({ file, onChange, onError, intervalMs }: TokenFileOptions): Promise<TokenFile> {
  let digests: readonly Buffer[] | undefined;
  try {
    const close = await watchFiles({
      paths: [file],
      onChange([content]) {
        const isFirst = digests === undefined;
        digests = readTokens(file, content?.toString("utf8") ?? "").map(digestOf);
        if (!isFirst) onChange();
      },
      onError: ({ message }) =>
        onError(new EpoxyError("invalid", `the changed token file can't be used, the old tokens stay: ${message}`)),
      intervalMs,
    });
    return {
      has(token) {
        const digest = digestOf(token);
        let found = false;
        for (const it of digests ?? []) found = timingSafeEqual(it, digest) || found;
        return found;
      },
      close,
    };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new EpoxyError("invalid", `the token file can't be used: ${message}`, { cause });
  }
}

/** Digests have one length, which a comparison in constant time needs. */
const digestOf = (token: string): Buffer => createHash("sha256").update(token).digest();

function readTokens(file: string, text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  const tokens = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (tokens.length === 0) throw new EpoxyError("invalid", `${file} holds no token: write one on a line`);
  for (const [index, line] of lines.entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const problem =
      line.length < MIN_LENGTH
        ? `is shorter than ${MIN_LENGTH} characters`
        : /[^\x21-\x7e]/.test(line)
          ? "has blanks or characters beyond ASCII"
          : undefined;
    if (problem !== undefined) throw new EpoxyError("invalid", `${file}:${index + 1}: the token ${problem}`);
  }
  return tokens;
}
