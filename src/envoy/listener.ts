import { isIP } from "node:net";
import type { HttpListener, Listener } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { ProxyFragment } from "../../generated/proto/epoxy/gloo/v1/proxy_fragment.ts";
import type { TranslationProblem } from "../resources/index.ts";
import { EnvoyListener, type Filter } from "./api.ts";
import { FilterChain } from "./api.ts";
import { socketAddress } from "./address.ts";
import { printable } from "./checks/header.ts";
import type { TranslationContext } from "./context.ts";
import { mergeContribution } from "./feature.ts";
import { features, unimplementedIn } from "./features/index.ts";
import { answeringManager, httpConnectionManager } from "./http-connection-manager.ts";
import { listenerName, routeConfigurationName } from "./names.ts";
import { FAULTY, UNPROTECTED } from "./refusal.ts";
import { createReport, type Report } from "./report.ts";
import { sourcesOf } from "./sources.ts";

/** A listener for Envoy. It depends on no virtual host: their changes leave its connections alone. */
export interface TranslatedListener {
  /** Undefined where it can't be built at all, since its address or type can't be used. */
  readonly listener: EnvoyListener | undefined;
  /** The encoded listener. */
  readonly bytes: Uint8Array | undefined;
  /** Name of the route configuration that it asks for; undefined where it answers all requests itself. */
  readonly routeConfigName: string | undefined;
  /** Whether it finds route configurations by scope, of which that one is for what has no scope of its own. */
  readonly scoped: boolean;
  readonly problems: readonly TranslationProblem[];
  /** Keep the last good version, if there is one; else serve what is here, which answers with errors. */
  readonly fatal: boolean;
}

const EMPTY = EnvoyListener.fromPartial({});
const EMPTY_CHAIN = FilterChain.fromPartial({});

/** Translates the listener of a fragment. Where its protection can't be put in force, it answers every request with 503. */
export function translateListener(fragment: ProxyFragment, context: TranslationContext): TranslatedListener {
  const input = fragment.listener;
  if (input === undefined) {
    return {
      listener: undefined,
      bytes: undefined,
      routeConfigName: undefined,
      scoped: false,
      problems: [],
      fatal: false,
    };
  }
  const http = input.listenerType?.$case === "httpListener" ? input.listenerType.value : undefined;
  const report = createReport(() => sourcesOf(fragment.owner, input, ...(http === undefined ? [] : [http])));
  const unbuilt: TranslatedListener = {
    listener: undefined,
    bytes: undefined,
    routeConfigName: undefined,
    scoped: false,
    problems: report.problems,
    fatal: false,
  };
  const unprotected = unimplementedIn.listener(input, "", report);
  checkAddress(input, report);
  if (report.errors > 0) return { ...unbuilt, fatal: true };
  if (http === undefined) {
    const type = input.listenerType?.$case;
    if (type === undefined) report.error("", "the listener has no type: set httpListener");
    else report.warn(type, "listeners of this type are not supported yet: nothing listens on this address");
    return { ...unbuilt, fatal: type === undefined };
  }
  const translated = translateHttpListener(input, http, unprotected, context, report);
  return fragment.owner?.kind === "Gateway"
    ? { ...translated, problems: translated.problems.map(asOfGateway) }
    : translated;
}

/** In a Gateway the options of the HTTP listener have another name. */
const asOfGateway = (problem: TranslationProblem): TranslationProblem => ({
  ...problem,
  path: problem.path?.replace(/^httpListener\b/, "httpGateway"),
});

function translateHttpListener(
  input: Listener,
  http: HttpListener,
  unprotected: boolean,
  context: TranslationContext,
  report: Report,
): TranslatedListener {
  const name = listenerName(input.bindAddress, input.bindPort);
  const routeConfigName = routeConfigurationName(name);
  const manager = httpConnectionManager(
    http,
    context.settings.scopedRoutes ? { scopesOf: name } : { name: routeConfigName },
    { context, report, path: "httpListener.options" },
  );
  let options = EMPTY;
  if (input.options !== undefined) {
    for (const feature of features) {
      options = mergeContribution(options, feature.listener?.(input.options, { context, report, path: "options" }));
    }
  }
  const fatal = report.errors > 0;
  const refused = fatal ? FAULTY : unprotected ? UNPROTECTED : undefined;
  const filter: Filter = refused === undefined ? manager : answeringManager(refused);
  const listener: EnvoyListener = {
    ...(fatal ? EMPTY : options),
    name,
    address: socketAddress(input.bindAddress, input.bindPort),
    filterChains: [{ ...EMPTY_CHAIN, filters: [filter] }],
  };
  return {
    listener,
    bytes: EnvoyListener.encode(listener).finish(),
    routeConfigName: refused === undefined ? routeConfigName : undefined,
    scoped: refused === undefined && context.settings.scopedRoutes,
    problems: report.problems,
    fatal,
  };
}

function checkAddress({ bindAddress, bindPort }: Listener, report: Report): void {
  if (isIP(bindAddress) === 0 || bindAddress.includes("%")) {
    report.error("bindAddress", `"${printable(bindAddress)}" is no IP address: write :: or 0.0.0.0 for all addresses`);
  }
  if (bindPort < 1 || bindPort > 65_535) report.error("bindPort", `${bindPort} is no port from 1 to 65535`);
}
