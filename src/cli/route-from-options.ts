import { tables } from "../../generated/sdk/index.ts";
import type { Route } from "../../generated/proto/epoxy/gateway/v1/virtual_service.ts";
import { fromJson, type JsonValue } from "../resources/index.ts";
import type { addRouteOptions } from "./commands/route-specs.ts";
import { keyValues } from "./key-values.ts";
import type { ValuesOf } from "./option.ts";
import { UsageError } from "./usage-error.ts";

type Values = ValuesOf<typeof addRouteOptions>;
type Json = Readonly<Record<string, JsonValue>>;

/** The route that the options of `epoxy add route` describe. @throws UsageError */
export function routeFromOptions(values: Values): Route {
  const rewrite = values["prefix-rewrite"];
  return fromJson(tables.message<Route>("epoxy.gateway.v1.Route"), {
    matchers: [matcher(values)],
    ...action(values),
    ...(rewrite === undefined ? {} : { options: { prefixRewrite: rewrite } }),
  });
}

function matcher(values: Values): Json {
  const paths = (["exact", "prefix", "regex"] as const).filter((type) => values[`path-${type}`] !== undefined);
  const [type] = paths;
  if (type === undefined) throw new UsageError("say which path: --path-exact, --path-prefix or --path-regex");
  if (paths.length > 1)
    throw new UsageError(`give one path only, not ${paths.map((path) => `--path-${path}`).join(" and ")}`);
  const path = values[`path-${type}`] ?? "";
  if (type !== "regex" && !path.startsWith("/"))
    throw new UsageError(`option --path-${type} needs a path that begins with /, found "${path}"`);
  const conditions = (option: string, texts: readonly string[]): readonly Json[] =>
    Object.entries(keyValues(option, texts, true))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ name, ...(value === "" ? {} : { value, regex: true }) }));
  return {
    [type]: path,
    headers: [...conditions("--header", values.header)],
    queryParameters: [...conditions("--queryParameter", values.queryParameter)],
    methods: values.method.map((method) => method.toUpperCase()),
  };
}

function action(values: Values): Json {
  const targets = (["dest-name", "upstream-group-name", "delegate-name"] as const).filter((option) => values[option]);
  const [target] = targets;
  if (target === undefined) {
    throw new UsageError("say where to: --dest-name, --upstream-group-name or --delegate-name");
  }
  if (targets.length > 1)
    throw new UsageError(`give one destination only, not ${targets.map((option) => `--${option}`).join(" and ")}`);
  const name = values[target] ?? "";
  switch (target) {
    case "dest-name": {
      const upstream = { name, namespace: values["dest-namespace"] };
      return { routeAction: { single: { upstream, ...destinationSpec(values) } } };
    }
    case "upstream-group-name":
      return { routeAction: { upstreamGroup: { name, namespace: values["upstream-group-namespace"] } } };
    case "delegate-name":
      return { delegateAction: { ref: { name, namespace: values["delegate-namespace"] } } };
  }
}

function destinationSpec(values: Values): Json {
  const { "rest-function-name": rest, "aws-function-name": aws } = values;
  if (rest && aws) throw new UsageError("give one function only, not --rest-function-name and --aws-function-name");
  if (aws) {
    const spec = {
      logicalName: aws,
      responseTransformation: values["aws-unescape"],
      unwrapAsAlb: values["aws-alb-unwrap"],
      unwrapAsApiGateway: values["aws-api-gw-unwrap"],
    };
    return { destinationSpec: { aws: spec } };
  }
  if (!rest) return {};
  const headers = keyValues("--rest-parameters", values["rest-parameters"]);
  return { destinationSpec: { rest: { functionName: rest, parameters: { headers } } } };
}
