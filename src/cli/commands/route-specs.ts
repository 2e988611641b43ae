import { type Command, defineCommand } from "../command.ts";
import type { OptionTable } from "../option.ts";
import { interactive, interactiveOption, type Question } from "../interactive.ts";
import { nameOption, namespaceOption, writeOptions } from "../options.ts";

const destinationNamespace = { type: "text", value: "NAMESPACE", default: "gloo-system" } as const;

export const addRouteOptions = {
  "path-exact": { type: "text", value: "PATH", short: "e", help: "take requests for exactly this path" },
  "path-prefix": { type: "text", value: "PATH", short: "p", help: "take requests for paths that begin with this" },
  "path-regex": {
    type: "text",
    value: "REGEX",
    short: "r",
    help: "take requests for paths that match this as a whole",
  },
  method: { type: "list", value: "METHOD", short: "m", help: "only with one of these methods" },
  header: { type: "list", value: "NAME=REGEX", short: "d", help: "only with these headers; no value: whatever it is" },
  queryParameter: { type: "list", value: "NAME=REGEX", short: "q", help: "only with these query parameters" },
  "dest-name": { type: "text", value: "NAME", short: "u", help: "send them to this upstream" },
  "dest-namespace": { ...destinationNamespace, short: "s", help: "namespace of the upstream" },
  "upstream-group-name": { type: "text", value: "NAME", help: "send them to this upstream group" },
  "upstream-group-namespace": { ...destinationNamespace, help: "namespace of the upstream group" },
  "delegate-name": { type: "text", value: "NAME", help: "leave them to this route table" },
  "delegate-namespace": { ...destinationNamespace, help: "namespace of the route table" },
  "prefix-rewrite": { type: "text", value: "PATH", help: "replace the matched part of the path by this" },
  "rest-function-name": { type: "text", value: "NAME", short: "f", help: "call this REST function of the upstream" },
  "rest-parameters": {
    type: "list",
    value: "NAME=TEMPLATE",
    help: "parameters of the function, such as :path=/users/{id}",
  },
  "aws-function-name": { type: "text", value: "NAME", short: "a", help: "call this Lambda function of the upstream" },
  "aws-unescape": { type: "flag", help: "unescape the function's answer" },
  "aws-alb-unwrap": { type: "flag", help: "read the function's answer as one for a load balancer (ALB)" },
  "aws-api-gw-unwrap": { type: "flag", help: "read the function's answer as one for an API gateway" },
  index: {
    type: "integer",
    value: "N",
    short: "x",
    default: 0,
    help: "place among the routes, from 0; the first route that matches serves a request",
  },
  "to-route-table": { type: "flag", help: "add it to a route table instead of a virtual service" },
  "cluster-scoped-vs-client": { type: "flag", help: "without --name: look for the virtual service in all namespaces" },
  ...interactiveOption,
  ...writeOptions,
} as const satisfies OptionTable;

const routeQuestions: readonly Question[] = [
  { option: "name", text: "Virtual service (empty: the one with the domain *)" },
  {
    option: "path-exact",
    text: "Exactly this path (empty: all paths with a prefix)",
    unless: ["path-prefix", "path-regex"],
  },
  { option: "path-prefix", text: "Prefix of the paths", fallback: "/", unless: ["path-exact", "path-regex"] },
  {
    option: "dest-name",
    text: "Upstream to send requests to",
    required: true,
    unless: ["upstream-group-name", "delegate-name"],
  },
  { option: "prefix-rewrite", text: "Replace the matched part of the path by (empty: leave it)" },
];

const addRoute: Command = defineCommand({
  name: "route",
  aliases: ["r", "routes"],
  summary: "adds a route to a virtual service or route table",
  description: [
    "Without --name the route goes to the virtual service of the namespace that has the domain *; if there is none, `default` is created. A virtual service or route table that --name names is created, too, if it is missing.",
    "The new route is the first one unless --index says otherwise. Comments in the YAML file stay. If somebody else changes the resource at the same time, it is read again and the route is added to what is there then.",
  ],
  options: addRouteOptions,
  usesStorage: true,
  load: async () => interactive(addRouteOptions, routeQuestions, (await import("./add-route.ts")).addRoute),
  examples: [
    {
      does: "Send /all-pets to the upstream petstore as /api/pets",
      command: "epoxy add route --path-exact /all-pets --dest-name petstore --prefix-rewrite /api/pets",
    },
    {
      does: "Only GET and POST with a header, as the third route of a virtual service",
      command: "epoxy add route --name shop -x 2 -p /cart -m GET,POST -d x-team=shop.* -u cart",
    },
    { does: "Delegate to a route table", command: "epoxy add route -p /docs --delegate-name docs" },
    { does: "Be asked for all of it", command: "epoxy add route -i" },
    { does: "See what would be written", command: "epoxy add route -p / -u petstore --dry-run" },
  ],
});

export const addCommand: Command = defineCommand({
  name: "add",
  summary: "adds to a resource",
  commands: [addRoute],
});

export const removeRouteOptions = {
  ...nameOption,
  ...namespaceOption,
  index: {
    type: "integer",
    value: "N",
    short: "x",
    help: "place of the route, from 0; may be left out where there is one only",
  },
  "from-route-table": { type: "flag", help: "remove it from a route table instead of a virtual service" },
  output: writeOptions.output,
  "dry-run": writeOptions["dry-run"],
} as const satisfies OptionTable;

const removeRoute: Command = defineCommand({
  name: "route",
  aliases: ["r", "routes"],
  summary: "removes a route from a virtual service or route table",
  description: ["Without --name: from the virtual service of the namespace that has the domain *."],
  options: removeRouteOptions,
  usesStorage: true,
  load: async () => (await import("./remove-route.ts")).removeRoute,
  examples: [
    { does: "Remove the second route of a virtual service", command: "epoxy remove route --name default -x 1" },
  ],
});

export const removeCommand: Command = defineCommand({
  name: "remove",
  aliases: ["rm"],
  summary: "removes from a resource",
  commands: [removeRoute],
});

export const sortRouteOptions = {
  ...nameOption,
  ...namespaceOption,
  "route-table": { type: "flag", help: "sort the routes of a route table instead of a virtual service" },
  output: writeOptions.output,
  "dry-run": writeOptions["dry-run"],
} as const satisfies OptionTable;

const sortRoute: Command = defineCommand({
  name: "sort",
  summary: "sorts routes, the most specific first",
  description: [
    "Those with more methods come first, then exact paths before regexes before prefixes, then longer paths; what is equal keeps its order. Without --name: the virtual service of the namespace that has the domain *.",
  ],
  options: sortRouteOptions,
  usesStorage: true,
  load: async () => (await import("./sort-routes.ts")).sortStoredRoutes,
  examples: [
    { does: "Sort the routes of a virtual service", command: "epoxy route sort --name default" },
    {
      does: "See the order that a route table would get",
      command: "epoxy route sort --route-table --name docs --dry-run",
    },
  ],
});

export const routeCommand: Command = defineCommand({
  name: "route",
  summary: "is about the order of routes",
  commands: [sortRoute],
});
