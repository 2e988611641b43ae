/**
 * Envoy's command operators in header values (its "access log format strings"), as far as they mean something in a header.
 * `arguments`: whether there must be some in parentheses, may be, or can't.
 */
const OPERATORS: Readonly<Record<string, "required" | "optional" | "none">> = {
  REQ: "required",
  RESP: "required",
  TRAILER: "required",
  DYNAMIC_METADATA: "required",
  UPSTREAM_METADATA: "required",
  CLUSTER_METADATA: "required",
  FILTER_STATE: "required",
  UPSTREAM_FILTER_STATE: "required",
  ENVIRONMENT: "required",
  METADATA: "required",
  QUERY_PARAM: "required",
  PATH: "optional",
  START_TIME: "optional",
  START_TIME_LOCAL: "optional",
  EMIT_TIME: "optional",
  DOWNSTREAM_PEER_CERT_V_START: "optional",
  DOWNSTREAM_PEER_CERT_V_END: "optional",
  ...none(
    "PROTOCOL UPSTREAM_PROTOCOL RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_FLAGS RESPONSE_FLAGS_LONG BYTES_RECEIVED BYTES_SENT",
    "DURATION REQUEST_DURATION RESPONSE_DURATION UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_HOST UPSTREAM_HOST_NAME UPSTREAM_CLUSTER",
    "UPSTREAM_CLUSTER_RAW UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT UPSTREAM_REMOTE_ADDRESS",
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_TLS_VERSION",
    "UPSTREAM_TLS_CIPHER DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_PORT",
    "DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_URI_SAN",
    "DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_CERT",
    "DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_SERIAL DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON REQUESTED_SERVER_NAME ROUTE_NAME",
    "VIRTUAL_CLUSTER_NAME CONNECTION_ID CONNECTION_TERMINATION_DETAILS HOSTNAME STREAM_ID UNIQUE_ID TRACE_ID",
  ),
};

function none(...lines: readonly string[]): Record<string, "none"> {
  return Object.fromEntries(lines.flatMap((line) => line.split(" ")).map((operator) => [operator, "none"]));
}

const COMMAND = /%([A-Z0-9_]+)(?:\(([^%\n]*?)\))?(?::(\d{1,9}))?%/y;

/** Says what is wrong with a header's value as a format, or undefined. Envoy refuses a whole virtual host for one such fault. */
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
    const [whole, operator = "", parameters] = match;
    const rule = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
    if (rule === undefined) return `Envoy knows no command %${operator}%`;
    if (rule === "required" && (parameters === undefined || parameters === "")) {
      return `%${operator}% needs arguments in parentheses`;
    }
    if (rule === "none" && parameters !== undefined) return `%${operator}% takes no arguments`;
    at = value.indexOf("%", at + whole.length);
  }
  return undefined;
}
