import type {
  HeaderManipulation,
  HeaderValueOption,
} from "../../../../generated/proto/epoxy/gloo/options/headers/v1/headers.ts";
import { type EnvoyHeaderValueOption, HeaderValueOption_HeaderAppendAction } from "../../api.ts";
import { formatFault } from "../../checks/format.ts";
import { headerNameFault, headerValueFault } from "../../checks/header.ts";
import type { Feature, FeatureScope } from "../../feature.ts";
import type { Report } from "../../report.ts";

/** What of a message's headers is added and removed; four fields that routes, virtual hosts and weights share in Envoy. */
interface HeaderMutations {
  readonly requestHeadersToAdd: readonly EnvoyHeaderValueOption[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly EnvoyHeaderValueOption[];
  readonly responseHeadersToRemove: readonly string[];
}

const FIELDS = [
  "headerManipulation.requestHeadersToAdd.header",
  "headerManipulation.requestHeadersToAdd.append",
  "headerManipulation.requestHeadersToRemove",
  "headerManipulation.responseHeadersToAdd.header",
  "headerManipulation.responseHeadersToAdd.append",
  "headerManipulation.responseHeadersToRemove",
];

/** Envoy's limit (`max_items` of the lists of headers to add). */
const MAX_HEADERS = 1000;

/** `headerManipulation`, on virtual hosts, routes and weighted destinations. */
export const headerManipulation: Feature = {
  name: "headerManipulation",
  stage: "route",
  implements: { virtualHost: FIELDS, route: FIELDS, weightedDestination: FIELDS },
  virtualHost: ({ headerManipulation: mutations }, scope) => mutations && translate(mutations, scope),
  route: ({ headerManipulation: mutations }, scope) => mutations && { route: translate(mutations, scope) },
  weightedDestination: ({ headerManipulation: mutations }, scope) => mutations && translate(mutations, scope),
};

function translate(mutations: HeaderManipulation, { path: optionsPath, report }: FeatureScope): HeaderMutations {
  const path = `${optionsPath}.headerManipulation`;
  checkRemoved(mutations.requestHeadersToRemove, `${path}.requestHeadersToRemove`, report);
  checkRemoved(mutations.responseHeadersToRemove, `${path}.responseHeadersToRemove`, report);
  return {
    requestHeadersToAdd: translateAdded(mutations.requestHeadersToAdd, `${path}.requestHeadersToAdd`, report),
    requestHeadersToRemove: mutations.requestHeadersToRemove,
    responseHeadersToAdd: translateAdded(mutations.responseHeadersToAdd, `${path}.responseHeadersToAdd`, report),
    responseHeadersToRemove: mutations.responseHeadersToRemove,
  };
}

function translateAdded(
  options: readonly HeaderValueOption[],
  path: string,
  report: Report,
): readonly EnvoyHeaderValueOption[] {
  if (options.length > MAX_HEADERS)
    report.error(path, `there are ${options.length} headers, Envoy takes ${MAX_HEADERS}`);
  const added: EnvoyHeaderValueOption[] = [];
  for (const [index, { headerOption, append }] of options.entries()) {
    const at = `${path}[${index}]`;
    if (headerOption === undefined) report.error(at, "the header is missing");
    if (headerOption?.$case !== "header") continue;
    const { key, value } = headerOption.value;
    const keyFault = mutableNameFault(key);
    if (keyFault !== undefined) report.error(`${at}.header.key`, keyFault);
    const valueFault = headerValueFault(value) ?? formatFault(value);
    if (valueFault !== undefined) report.error(`${at}.header.value`, valueFault);
    added.push({
      header: { key, value, rawValue: EMPTY_BYTES },
      append: undefined,
      appendAction:
        append === false
          ? HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
          : HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD,
      // Envoy would leave out a header without a value.
      keepEmptyValue: value === "",
    });
  }
  return added;
}

const EMPTY_BYTES = Buffer.alloc(0);

function checkRemoved(names: readonly string[], path: string, report: Report): void {
  for (const [index, name] of names.entries()) {
    const fault = mutableNameFault(name);
    if (fault !== undefined) report.error(`${path}[${index}]`, fault);
  }
}

/** Envoy refuses to add or remove pseudo-headers and `host`. */
function mutableNameFault(name: string): string | undefined {
  if (name.startsWith(":") || name.toLowerCase() === "host") {
    return `${name} can't be changed here: use hostRewrite or prefixRewrite`;
  }
  return headerNameFault(name, "no pseudo-headers");
}
