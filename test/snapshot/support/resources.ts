import { type Status, Status_State } from "../../../generated/proto/epoxy/core/v1/status.ts";
import type { Artifact } from "../../../generated/proto/epoxy/gloo/v1/artifact.ts";
import type { Upstream } from "../../../generated/proto/epoxy/gloo/v1/upstream.ts";
import { ArtifactKind, UpstreamKind } from "../../../generated/sdk/gloo/v1.ts";

export { ArtifactKind, UpstreamKind };

interface MetadataInput {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** An artifact whose specification is one text. */
export const artifact = (name: string, text = "", { namespace = "ns", labels = {} }: MetadataInput = {}): Artifact =>
  ArtifactKind.type.codec.fromPartial({ metadata: { name, namespace, labels }, data: { text } });

/** An upstream, which has a status, whose specification is one service name. */
export const upstream = (
  name: string,
  service = "s",
  { namespace = "ns", labels = {} }: MetadataInput = {},
): Upstream =>
  UpstreamKind.type.codec.fromPartial({
    metadata: { name, namespace, labels },
    upstreamType: { $case: "consul", value: { serviceName: service } },
  });

export const serviceOf = (resource: Upstream | undefined): string | undefined =>
  resource?.upstreamType?.$case === "consul" ? resource.upstreamType.value.serviceName : undefined;

export const status = (reason = "", state: Status["state"] = Status_State.Accepted): Status => ({
  state,
  reason,
  reportedBy: "test",
  subresourceStatuses: {},
  details: undefined,
  messages: [],
});

export const names = (resources: Iterable<{ readonly metadata?: { readonly name: string } | undefined }>): string[] =>
  [...resources].map(({ metadata }) => metadata?.name ?? "");
