import type {
  HealthCheck,
  HealthCheck_HeaderValueOption,
  HealthCheck_HttpHealthCheck,
  HealthCheck_Payload,
} from "../../../../generated/proto/epoxy/envoy/v1/health_check.ts";
import type { Int64Range } from "../../../../generated/proto/epoxy/envoy/v1/percent.ts";
import type { StringMatcher } from "../../../../generated/proto/epoxy/envoy/v1/regex.ts";
import {
  CodecClientType,
  EnvoyHealthCheck,
  type EnvoyHealthCheckPayload,
  type EnvoyHeaderValueOption,
  EnvoyHttpHealthCheck,
  EnvoyRequestMethod,
  type EnvoyStringMatcher,
  HeaderValueOption_HeaderAppendAction,
} from "../../api.ts";
import { durationFault } from "../../checks/duration.ts";
import { headerNameFault, headerValueFault } from "../../checks/header.ts";
import { regexFault } from "../../checks/regex.ts";
import type { TranslationContext } from "../../context.ts";
import type { Feature } from "../../feature.ts";
import { regexMatcher } from "../../regex-rewrite.ts";
import type { Report } from "../../report.ts";

const EMPTY = EnvoyHealthCheck.fromPartial({});
const EMPTY_HTTP = EnvoyHttpHealthCheck.fromPartial({});
const EMPTY_BYTES = Buffer.alloc(0);

const HTTP = [
  "host",
  "path",
  "send",
  "receive",
  "serviceName",
  "requestHeadersToAdd.header",
  "requestHeadersToAdd.append",
];
const MORE_HTTP = ["requestHeadersToRemove", "useHttp2", "expectedStatuses", "retriableStatuses", "method"];
const LAST_HTTP = ["serviceNameMatcher", "codecClientType"];

/** `healthChecks`: checks that Envoy itself makes of each endpoint. The message is Envoy's own. */
export const healthChecks: Feature = {
  name: "healthChecks",
  stage: "route",
  implements: {
    upstream: [
      "timeout",
      "interval",
      "initialJitter",
      "intervalJitter",
      "intervalJitterPercent",
      "unhealthyThreshold",
      "healthyThreshold",
      "altPort",
      "reuseConnection",
      "tcpHealthCheck",
      "noTrafficInterval",
      "tlsOptions",
      "noTrafficHealthyInterval",
      "unhealthyInterval",
      "unhealthyEdgeInterval",
      "healthyEdgeInterval",
      "alwaysLogHealthCheckFailures",
      "grpcHealthCheck.serviceName",
      "grpcHealthCheck.authority",
      "grpcHealthCheck.initialMetadata.header",
      "grpcHealthCheck.initialMetadata.append",
      ...[...HTTP, ...MORE_HTTP, ...LAST_HTTP].map((field) => `httpHealthCheck.${field}`),
    ].map((field) => `healthChecks.${field}`),
  },
  cluster({ healthChecks: checks, useHttp2 }, { context, report }) {
    if (checks.length === 0) return undefined;
    if (useHttp2 !== true && checks.some(({ healthChecker }) => healthChecker?.$case === "grpcHealthCheck")) {
      report.error("healthChecks", "a grpcHealthCheck needs useHttp2");
    }
    return { healthChecks: checks.map((check, at) => translate(check, `healthChecks[${at}]`, context, report)) };
  },
};

/** Durations of a check, and whether they may be zero. */
const DURATIONS = [
  ["timeout", "above zero"],
  ["interval", "above zero"],
  ["initialJitter", "zero allowed"],
  ["intervalJitter", "zero allowed"],
  ["noTrafficInterval", "above zero"],
  ["noTrafficHealthyInterval", "above zero"],
  ["unhealthyInterval", "above zero"],
  ["unhealthyEdgeInterval", "above zero"],
  ["healthyEdgeInterval", "above zero"],
] as const;

function translate(check: HealthCheck, path: string, context: TranslationContext, report: Report): EnvoyHealthCheck {
  for (const field of ["timeout", "interval", "unhealthyThreshold", "healthyThreshold"] as const) {
    if (check[field] === undefined) report.error(`${path}.${field}`, "must be set");
  }
  for (const [field, least] of DURATIONS) {
    const duration = check[field];
    if (duration === undefined) continue;
    const fault = durationFault(duration, least);
    if (fault !== undefined) report.error(`${path}.${field}`, fault);
  }
  if ((check.altPort ?? 0) > 65_535) report.error(`${path}.altPort`, `${check.altPort} is no port`);
  return {
    ...EMPTY,
    timeout: check.timeout,
    interval: check.interval,
    initialJitter: check.initialJitter,
    intervalJitter: check.intervalJitter,
    intervalJitterPercent: check.intervalJitterPercent,
    unhealthyThreshold: check.unhealthyThreshold,
    healthyThreshold: check.healthyThreshold,
    altPort: check.altPort,
    reuseConnection: check.reuseConnection,
    noTrafficInterval: check.noTrafficInterval,
    noTrafficHealthyInterval: check.noTrafficHealthyInterval,
    unhealthyInterval: check.unhealthyInterval,
    unhealthyEdgeInterval: check.unhealthyEdgeInterval,
    healthyEdgeInterval: check.healthyEdgeInterval,
    alwaysLogHealthCheckFailures: check.alwaysLogHealthCheckFailures,
    tlsOptions: check.tlsOptions,
    healthChecker: translateChecker(check, path, context, report),
  };
}

function translateChecker(
  { healthChecker: checker }: HealthCheck,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyHealthCheck["healthChecker"] {
  switch (checker?.$case) {
    case undefined:
      report.error(path, "the checker is missing: set httpHealthCheck, tcpHealthCheck or grpcHealthCheck");
      return undefined;
    case "customHealthCheck":
      report.error(
        `${path}.customHealthCheck`,
        "is not supported: set httpHealthCheck, tcpHealthCheck or grpcHealthCheck",
      );
      return undefined;
    case "httpHealthCheck":
      return {
        $case: "httpHealthCheck",
        value: translateHttp(checker.value, `${path}.httpHealthCheck`, context, report),
      };
    case "tcpHealthCheck": {
      const { send, receive } = checker.value;
      const at = `${path}.tcpHealthCheck`;
      return {
        $case: "tcpHealthCheck",
        value: {
          send: send && translatePayload(send, `${at}.send`, report),
          receive: receive.map((payload, index) => translatePayload(payload, `${at}.receive[${index}]`, report)),
          proxyProtocolConfig: undefined,
        },
      };
    }
    case "grpcHealthCheck": {
      const { serviceName, authority, initialMetadata } = checker.value;
      const at = `${path}.grpcHealthCheck`;
      checkValue(authority, `${at}.authority`, report);
      return {
        $case: "grpcHealthCheck",
        value: {
          serviceName,
          authority,
          initialMetadata: translateHeaders(initialMetadata, `${at}.initialMetadata`, report),
        },
      };
    }
  }
}

function translateHttp(
  check: HealthCheck_HttpHealthCheck,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyHttpHealthCheck {
  checkValue(check.host, `${path}.host`, report);
  checkValue(check.path, `${path}.path`, report);
  if (check.path === "") report.error(`${path}.path`, "must be set");
  if (check.method === EnvoyRequestMethod.CONNECT) report.error(`${path}.method`, "a check can't use CONNECT");
  for (const [index, name] of check.requestHeadersToRemove.entries()) {
    const fault = headerNameFault(name, "no pseudo-headers");
    if (fault !== undefined) report.error(`${path}.requestHeadersToRemove[${index}]`, fault);
  }
  return {
    ...EMPTY_HTTP,
    host: check.host,
    path: check.path,
    send: check.send && translatePayload(check.send, `${path}.send`, report),
    receive: check.receive === undefined ? [] : [translatePayload(check.receive, `${path}.receive`, report)],
    requestHeadersToAdd: translateHeaders(check.requestHeadersToAdd, `${path}.requestHeadersToAdd`, report),
    requestHeadersToRemove: check.requestHeadersToRemove,
    expectedStatuses: translateStatuses(check.expectedStatuses, `${path}.expectedStatuses`, report),
    retriableStatuses: translateStatuses(check.retriableStatuses, `${path}.retriableStatuses`, report),
    codecClientType: check.useHttp2 ? CodecClientType.HTTP2 : check.codecClientType,
    serviceNameMatcher:
      check.serviceNameMatcher === undefined
        ? // What Envoy's v2 API meant by it.
          check.serviceName === ""
          ? undefined
          : { matchPattern: { $case: "prefix", value: check.serviceName }, ignoreCase: false }
        : translateMatcher(check.serviceNameMatcher, `${path}.serviceNameMatcher`, context, report),
    method: check.method,
  };
}

function translateStatuses(ranges: readonly Int64Range[], path: string, report: Report): readonly Int64Range[] {
  for (const [index, { start, end }] of ranges.entries()) {
    // Half open, within Envoy's bounds.
    if (start < 100n || end > 600n || start >= end) {
      report.error(`${path}[${index}]`, "must start at 100 or later and end at 600 or earlier, above its start");
    }
  }
  return ranges;
}

function translatePayload({ payload }: HealthCheck_Payload, path: string, report: Report): EnvoyHealthCheckPayload {
  const fault =
    payload === undefined || payload.value.length === 0
      ? "the payload is empty"
      : payload.$case === "text" && !/^(?:[0-9a-fA-F]{2})+$/.test(payload.value)
        ? "the text must be bytes in hexadecimal"
        : undefined;
  if (fault !== undefined) report.error(path, fault);
  return { payload };
}

function translateHeaders(
  options: readonly HealthCheck_HeaderValueOption[],
  path: string,
  report: Report,
): readonly EnvoyHeaderValueOption[] {
  const headers: EnvoyHeaderValueOption[] = [];
  for (const [index, { headerOption, append }] of options.entries()) {
    if (headerOption?.$case !== "header") continue;
    const { key, value } = headerOption.value;
    const at = `${path}[${index}].header`;
    const fault = headerNameFault(key, "no pseudo-headers");
    if (fault !== undefined) report.error(`${at}.key`, fault);
    // Envoy would expand commands here; none of them means anything in a health check.
    if (value.includes("%")) report.error(`${at}.value`, "must not hold a %");
    checkValue(value, `${at}.value`, report);
    headers.push({
      header: { key, value, rawValue: EMPTY_BYTES },
      append: undefined,
      appendAction:
        append === false
          ? HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
          : HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD,
      keepEmptyValue: value === "",
    });
  }
  return headers;
}

function translateMatcher(
  { matchPattern, ignoreCase }: StringMatcher,
  path: string,
  context: TranslationContext,
  report: Report,
): EnvoyStringMatcher | undefined {
  if (matchPattern === undefined || matchPattern.value === "") {
    report.error(path, "the pattern is empty");
    return undefined;
  }
  if (matchPattern.$case !== "safeRegex") return { matchPattern, ignoreCase };
  const { regex } = matchPattern.value;
  const fault = regexFault(regex, context.settings.regexMaxProgramSize);
  if (fault !== undefined) report.error(`${path}.safeRegex.regex`, fault);
  return { matchPattern: { $case: "safeRegex", value: regexMatcher(regex) }, ignoreCase: false };
}

function checkValue(value: string, path: string, report: Report): void {
  const fault = headerValueFault(value);
  if (fault !== undefined) report.error(path, fault);
}
