/**
 * A kind of command in the values of headers (Envoy's "command operators"). `parameters` matches what may stand in its
 * parentheses; undefined: it has none.
 */
interface CommandRule {
  readonly parameters: RegExp | undefined;
  /** Whether it may stand without parentheses. */
  readonly bare: boolean;
  /** Whether a greatest length may follow: `%REQ(name):10%`. */
  readonly length: boolean;
}

const HEADER: CommandRule = {
  parameters: /^:?[!#$&'*+\-.^_`|~0-9A-Za-z]+(?:\?:?[!#$&'*+\-.^_`|~0-9A-Za-z]+)?$/,
  bare: false,
  length: true,
};
const DATA: CommandRule = { parameters: /^[^%()\n]+$/, bare: false, length: true };
const HOST_DATA: CommandRule = { ...DATA, length: false };
const STATE: CommandRule = {
  parameters: /^[^:%()\n]+(?::(?:PLAIN|TYPED|FIELD:[^:%()\n]+))?$/,
  bare: false,
  length: true,
};
const METADATA: CommandRule = {
  parameters:
    /^(?:DYNAMIC|CLUSTER|ROUTE|UPSTREAM_HOST|LISTENER|LISTENER_FILTER_CHAIN|VIRTUAL_HOST):[^:%()\n]+(?::[^%()\n]+)?$/,
  bare: false,
  length: true,
};
const PATH: CommandRule = { parameters: /^(?:WQ|NQ)(?::(?:ORIG|PATH|ORIG_OR_PATH))?$/, bare: true, length: true };
/** Formats of strftime hold % signs themselves. */
const TIME: CommandRule = { parameters: /^(?:[^%()\n]|%[a-zA-Z%]|%[1-9]f)+$/, bare: true, length: false };
const PLAIN: CommandRule = { parameters: undefined, bare: true, length: false };

/** The commands that mean something in a header. */
const COMMANDS: ReadonlyMap<string, CommandRule> = new Map([
  ...commands(HEADER, "REQ RESP TRAILER"),
  ...commands(DATA, "DYNAMIC_METADATA ENVIRONMENT QUERY_PARAM"),
  ...commands(HOST_DATA, "UPSTREAM_METADATA CLUSTER_METADATA"),
  ...commands(STATE, "FILTER_STATE UPSTREAM_FILTER_STATE"),
  ...commands(METADATA, "METADATA"),
  ...commands(PATH, "PATH"),
  ...commands(TIME, "START_TIME START_TIME_LOCAL EMIT_TIME DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CERT_V_END"),
  ...commands(
    PLAIN,
    "PROTOCOL UPSTREAM_PROTOCOL RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_FLAGS RESPONSE_FLAGS_LONG",
  ),
  ...commands(
    PLAIN,
    "BYTES_RECEIVED BYTES_SENT DURATION REQUEST_DURATION RESPONSE_DURATION UPSTREAM_REQUEST_ATTEMPT_COUNT",
  ),
  ...commands(PLAIN, "UPSTREAM_HOST UPSTREAM_HOST_NAME UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_LOCAL_ADDRESS"),
  ...commands(
    PLAIN,
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_PORT",
  ),
  ...commands(PLAIN, "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_TLS_VERSION"),
  ...commands(PLAIN, "UPSTREAM_TLS_CIPHER DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"),
  ...commands(PLAIN, "DOWNSTREAM_REMOTE_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_PORT"),
  ...commands(PLAIN, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_PORT"),
  ...commands(PLAIN, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_URI_SAN"),
  ...commands(PLAIN, "DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_CERT"),
  ...commands(PLAIN, "DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_SERIAL"),
  ...commands(PLAIN, "DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION REQUESTED_SERVER_NAME"),
  ...commands(PLAIN, "DOWNSTREAM_TRANSPORT_FAILURE_REASON ROUTE_NAME VIRTUAL_CLUSTER_NAME CONNECTION_ID HOSTNAME"),
  ...commands(PLAIN, "CONNECTION_TERMINATION_DETAILS STREAM_ID UNIQUE_ID TRACE_ID"),
]);

function commands(rule: CommandRule, names: string): readonly (readonly [string, CommandRule])[] {
  return names.split(" ").map((name) => [name, rule] as const);
}

const COMMAND = /%([A-Z0-9_]+)(?:\(([^()\n]*)\))?(:\d{1,9})?%/y;

/** Says what is wrong with a header's value as a format, or undefined. Envoy refuses a whole virtual host for one fault. */
export function formatFault(value: string): string | undefined {
  let at = value.indexOf("%");
  while (at !== -1) {
    if (value[at + 1] === "%") {
      at = value.indexOf("%", at + 2);
      continue;
    }
    COMMAND.lastIndex = at;
    const match = COMMAND.exec(value);
    if (match === null) return "a % starts a command such as %REQ(name)%: write %% for the character itself";
    const [whole, name = "", parameters, length] = match;
    const fault = commandFault(name, parameters, length !== undefined);
    if (fault !== undefined) return fault;
    at = value.indexOf("%", at + whole.length);
  }
  return undefined;
}

function commandFault(name: string, parameters: string | undefined, hasLength: boolean): string | undefined {
  const rule = COMMANDS.get(name);
  if (rule === undefined) return `Envoy knows no command %${name}%`;
  if (hasLength && !rule.length) return `%${name}% takes no length`;
  if (parameters === undefined) return rule.bare ? undefined : `%${name}% needs parameters: %${name}(…)%`;
  if (rule.parameters === undefined) return `%${name}% takes no parameters`;
  return rule.parameters.test(parameters) ? undefined : `%${name}% doesn't take the parameters "${parameters}"`;
}
