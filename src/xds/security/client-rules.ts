import type { Denial, XdsAuthorizer, XdsPeer } from "./authorizer.ts";
import { openTokenFile, type TokenFile, type TokenFileOptions } from "./token-file.ts";

/** Some clients, and what they may ask for. In patterns `*` stands for any characters, none included; everything else for itself. */
export interface ClientRule {
  /** Pattern of a subject alternative name (URI, DNS name or IP address) of the client's certificate. */
  readonly san?: string | undefined;
  /** Pattern of the common name of the client's certificate. */
  readonly commonName?: string | undefined;
  /** The client has to bring one of the tokens in this file. */
  readonly tokenFile?: string | undefined;
  /** Patterns of the roles (snapshot keys) that these clients may ask for. */
  readonly roles: readonly string[];
  /** Patterns of the node ids that they may go by. Default: any. */
  readonly nodeIds?: readonly string[] | undefined;
}

export interface ClientRules extends XdsAuthorizer {
  /** Calls back when the tokens are others. */
  subscribe(listener: () => void): () => void;
  close(): void;
}

interface OpenRule {
  /** Whether the peer is one of these clients. */
  identifies(peer: XdsPeer): boolean;
  readonly roles: readonly Pattern[];
  readonly nodeIds: readonly Pattern[];
  readonly tokens: TokenFile | undefined;
}

/**
 * An authorizer by rules: a client is served what any rule that it meets allows. A client that meets none isn't served at all.
 * @throws `invalid` for a token file that can't be used
 */
export async function openClientRules(
  rules: readonly ClientRule[],
  options: Pick<TokenFileOptions, "onError" | "intervalMs">,
): Promise<ClientRules> {
  const listeners = new Set<() => void>();
  const onChange = (): void => listeners.forEach((listener) => listener());
  const opened: OpenRule[] = [];
  const close = (): void => opened.forEach(({ tokens }) => tokens?.close());
  try {
    for (const rule of rules) opened.push(await openRule(rule, { ...options, onChange }));
  } catch (error) {
    close();
    throw error;
  }
  const needsToken = rules.some(({ tokenFile }) => tokenFile !== undefined);
  const needsCertificate = rules.some(({ san, commonName }) => san !== undefined || commonName !== undefined);

  function stranger(peer: XdsPeer): Denial {
    const shown = describe(peer);
    const wanted = [needsCertificate && "a certificate with a permitted name", needsToken && "a valid token"]
      .filter(Boolean)
      .join(" or ");
    return {
      code: "unauthenticated",
      reason: `no rule for xDS clients fits this one, which has shown ${shown}; needed: ${wanted || "a rule"}`,
    };
  }

  return {
    authenticate: (peer) => (opened.some((rule) => rule.identifies(peer)) ? undefined : stranger(peer)),
    authorize(peer, { id }, key) {
      const mine = opened.filter((rule) => rule.identifies(peer));
      if (mine.length === 0) return stranger(peer);
      const named = mine.filter(({ nodeIds }) => nodeIds.length === 0 || nodeIds.some((pattern) => pattern(id)));
      if (named.length === 0) {
        return {
          code: "denied",
          reason: `this client, which has shown ${describe(peer)}, may not go by the node id ${quote(id)}`,
        };
      }
      // A node that asks for no role gets nothing but the advice to do so.
      if (key === undefined || named.some(({ roles }) => roles.some((pattern) => pattern(key)))) return undefined;
      return {
        code: "denied",
        reason: `this client, which has shown ${describe(peer)}, may not ask for the role ${quote(key)}`,
      };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
  };
}

async function openRule(rule: ClientRule, options: Omit<TokenFileOptions, "file">): Promise<OpenRule> {
  const { san, commonName, tokenFile } = rule;
  const tokens = tokenFile === undefined ? undefined : await openTokenFile({ ...options, file: tokenFile });
  const sanPattern = san === undefined ? undefined : globPattern(san);
  const namePattern = commonName === undefined ? undefined : globPattern(commonName);
  return {
    identifies({ certificate, token }) {
      if (sanPattern !== undefined && !certificate?.subjectAltNames.some(sanPattern)) return false;
      if (namePattern !== undefined && (certificate === undefined || !namePattern(certificate.commonName)))
        return false;
      return tokens === undefined || (token !== undefined && tokens.has(token));
    },
    roles: rule.roles.map(globPattern),
    nodeIds: (rule.nodeIds ?? []).map(globPattern),
    tokens,
  };
}

type Pattern = (text: string) => boolean;

/** Longer names than this aren't names; and matching takes the longer, the more there is to look at. */
const MAX_NAME = 1000;

function globPattern(glob: string): Pattern {
  const parts = glob.split("*").map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  const expression = new RegExp(`^${parts.join(".*")}$`, "s");
  return (text) => text.length <= MAX_NAME && expression.test(text);
}

/** What was proved, without the token itself. */
function describe({ certificate, token }: XdsPeer): string {
  const names = certificate && [
    ...certificate.subjectAltNames,
    ...(certificate.commonName ? [`CN=${certificate.commonName}`] : []),
  ];
  const shown = [
    names && `a certificate of ${names.slice(0, 5).map(quote).join(", ")}`,
    token !== undefined && "a token",
  ].filter(Boolean);
  return shown.join(" and ") || "neither certificate nor token";
}

/** A client's own words, cut. */
const quote = (text: string): string => JSON.stringify(text.slice(0, 200));
