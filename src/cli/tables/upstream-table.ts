import type { ServiceSpec } from "../../../generated/proto/epoxy/gloo/options/v1/service_spec.ts";
import type { TagFilter } from "../../../generated/proto/epoxy/gloo/options/aws_ec2/v1/aws_ec2.ts";
import type { Upstream } from "../../../generated/sdk/index.ts";
import { refText } from "../../resources/index.ts";
import { stateOf } from "./status-text.ts";
import type { Table } from "./table.ts";

export function upstreamTable(resources: readonly Upstream[], statusNamespace: string): Table {
  return {
    headers: ["UPSTREAM", "TYPE", "STATUS", "DETAILS"],
    rows: resources.flatMap((resource) => {
      const own = [resource.metadata?.name ?? "", typeText(resource), stateOf(resource, statusNamespace)];
      return [...details(resource), ""].map((line, index) => [...(index === 0 ? own : ["", "", ""]), line]);
    }),
  };
}

const types = {
  aws: "AWS Lambda",
  azure: "Azure",
  consul: "Consul",
  awsEc2: "AWS EC2",
  kube: "Kubernetes",
  static: "Static",
  pipe: "Pipe",
  gcp: "GCP",
  ai: "AI",
} as const;

const typeText = ({ upstreamType }: Upstream): string =>
  upstreamType === undefined ? "Unknown" : types[upstreamType.$case];

function details({ upstreamType: type }: Upstream): readonly string[] {
  switch (type?.$case) {
    case "static":
      return [
        ...listed(
          "hosts:",
          type.value.hosts.map(({ addr, port }) => `${addr}:${port}`),
        ),
        ...serviceLines(type.value.serviceSpec),
      ];
    case "consul":
      return [
        `svc name: ${type.value.serviceName}`,
        `svc tags: [${type.value.serviceTags.join(" ")}]`,
        ...serviceLines(type.value.serviceSpec),
      ];
    case "kube":
      return [
        `svc name:      ${type.value.serviceName}`,
        `svc namespace: ${type.value.serviceNamespace}`,
        `port:          ${type.value.servicePort}`,
        ...serviceLines(type.value.serviceSpec),
      ];
    case "pipe":
      return [`path: ${type.value.path}`, ...serviceLines(type.value.serviceSpec)];
    case "aws":
      return [
        `region: ${type.value.region}`,
        `secret: ${type.value.secretRef === undefined ? "<None>" : refText(type.value.secretRef)}`,
        ...listed(
          "functions:",
          type.value.lambdaFunctions.map(({ lambdaFunctionName }) => lambdaFunctionName),
        ),
      ];
    case "azure":
      return [
        `function app name: ${type.value.functionAppName}`,
        `secret: ${type.value.secretRef === undefined ? "<None>" : refText(type.value.secretRef)}`,
        ...listed(
          "functions:",
          type.value.functions.map(({ functionName }) => functionName),
        ),
      ];
    case "awsEc2":
      return [
        `role:           ${type.value.roleArn}`,
        `uses public ip: ${type.value.publicIp}`,
        `port:           ${type.value.port}`,
        ...filterLines(type.value.filters),
      ];
    default:
      return [];
  }
}

const listed = (title: string, items: readonly string[]): readonly string[] =>
  items.length === 0 ? [] : [title, ...items.map((item) => `- ${item}`)];

function filterLines(filters: readonly TagFilter[]): readonly string[] {
  const keys = filters.flatMap(({ spec }) => (spec?.$case === "key" ? [spec.value] : []));
  const pairs = filters.flatMap(({ spec }) =>
    spec?.$case === "kvPair" ? [`${spec.value.key}: ${spec.value.value}`] : [],
  );
  return [
    ...(keys.length === 0 ? ["key filters: (none)"] : listed("key filters:", keys)),
    ...(pairs.length === 0 ? ["key-value filters: (none)"] : listed("key-value filters:", pairs)),
  ];
}

function serviceLines(spec: ServiceSpec | undefined): readonly string[] {
  const type = spec?.pluginType;
  switch (type?.$case) {
    case "rest":
      return ["REST service:", ...listed("functions:", Object.keys(type.value.transformations).toSorted())];
    case "grpc":
      return [
        "gRPC service:",
        ...type.value.grpcServices.flatMap(({ serviceName, functionNames }) => [
          `  ${serviceName}`,
          ...functionNames.map((name) => `  - ${name}`),
        ]),
      ];
    default:
      return [];
  }
}
