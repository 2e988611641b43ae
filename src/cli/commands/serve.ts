import { once } from "node:events";
import {
  type Component,
  components,
  createControlPlane,
  formatHostPort,
  type HostPort,
  parseHostPort,
  type XdsOverrides,
} from "../../control-plane/index.ts";
import type { Invocation } from "../command.ts";
import { createLogger } from "../create-logger.ts";
import { limitOldGeneration } from "../limit-old-generation.ts";
import { openTracing } from "../open-tracing.ts";
import { UsageError } from "../usage-error.ts";
import type { serveOptions } from "./system-specs.ts";

/** `epoxy serve`: runs until it is interrupted. */
export async function serve({ values, given, terminal, signal }: Invocation<typeof serveOptions>): Promise<number> {
  if (given.has("use-consul")) {
    throw new UsageError("where resources are is said in the Settings: set consulKvSource there (and consul.address)");
  }
  const inKubernetes = values["use-kubernetes"];
  const only = values.only.map(readComponent);
  const logger = await createLogger(
    values["log-level"],
    values["log-format"] ?? (process.stderr.isTTY ? "pretty" : "json"),
  );
  const dataDirectory = values.dir || "data";
  await using tracing = await openTracing(terminal.env, logger);
  await using controlPlane = await createControlPlane({
    dataDirectory,
    settingsIn: inKubernetes ? "kubernetes" : "directory",
    kubernetes: { kubeconfig: values.kubeconfig || undefined, context: values["kube-context"] || undefined },
    settings: { namespace: values.namespace, name: values.name },
    components: only.length === 0 ? undefined : only,
    xdsAddress: readAddress(values["xds-address"], "--xds-address"),
    xds: {
      tls: readTls(values),
      plaintext: values["xds-plaintext"],
      tokenFile: values["xds-token-file"] || undefined,
    },
    adminAddress:
      values["admin-address"] === "none" ? undefined : readAddress(values["admin-address"], "--admin-address"),
    stateDirectory: values["state-dir"] === "none" ? false : values["state-dir"] || undefined,
    acceptEmpty: values["accept-empty"],
    webhookAddress: readAddress(values["webhook-address"], "--webhook-address"),
    logger,
    tracer: tracing?.tracer,
  });
  limitOldGeneration(() => controlPlane.readiness().ready);
  const { xdsAddress, adminAddress, webhookAddress } = controlPlane;
  const places = {
    dir: dataDirectory,
    ...(xdsAddress === undefined ? {} : { xds: formatHostPort(xdsAddress) }),
    ...(adminAddress === undefined ? {} : { admin: `http://${formatHostPort(adminAddress)}` }),
    ...(webhookAddress === undefined ? {} : { webhook: `https://${formatHostPort(webhookAddress)}` }),
  };
  if (values.json) terminal.out(`${JSON.stringify(places)}\n`);
  logger.info(
    places,
    `serving ${Object.entries(places)
      .map(([name, place]) => `${name} ${place}`)
      .join(", ")}`,
  );
  if (!signal.aborted) await once(signal, "abort");
  logger.info({}, "stopping");
  return 0;
}

function readComponent(name: string): Component {
  const found = components.find((component) => component === name);
  if (found !== undefined) return found;
  throw new UsageError(`option --only can't be "${name}"`, { word: name, candidates: components, all: components });
}

function readTls(values: Invocation<typeof serveOptions>["values"]): XdsOverrides["tls"] {
  const { "xds-tls-cert": certFile, "xds-tls-key": keyFile, "xds-tls-client-ca": clientCaFile } = values;
  if (!certFile && !keyFile && !clientCaFile) return undefined;
  if (!certFile || !keyFile)
    throw new UsageError("TLS for Envoy takes a certificate and its key: give --xds-tls-cert and --xds-tls-key");
  return { certFile, keyFile, clientCaFile: clientCaFile || undefined };
}

function readAddress(text: string | undefined, option: string): HostPort | undefined {
  if (text === undefined) return undefined;
  try {
    return parseHostPort(text, option);
  } catch {
    throw new UsageError(`option ${option} needs host:port, such as 127.0.0.1:9977, found "${text}"`);
  }
}
