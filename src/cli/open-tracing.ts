import type { Tracer } from "@opentelemetry/api";
import type { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Logger } from "../control-plane/index.ts";
import { ownPackage } from "./own-package.ts";

type SpanExporter = ConstructorParameters<typeof BatchSpanProcessor>[0];

/** Where traces go, until it is disposed of, which sends what is left. */
export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
}

/** At the end, what a collector hasn't taken after so long is lost. */
const PATIENCE_MS = 2_000;

/** `ExportResultCode.SUCCESS` of a package that needn't be loaded for it. */
const SUCCESS = 0;

/**
 * Sends spans over OTLP/HTTP as the variables of OpenTelemetry say (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Undefined,
 * with nothing loaded, where they name no endpoint.
 */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): Promise<Tracing | undefined> {
  const endpoint = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const isOff = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_TRACES_EXPORTER"] === "none";
  if (!endpoint || isOff) return undefined;
  const [{ BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, resources] = await Promise.all([
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const { version } = ownPackage();
  const provider = new BasicTracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ "service.name": "epoxy", "service.version": version }))
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new BatchSpanProcessor(tellingFailure(new OTLPTraceExporter(), endpoint, logger))],
  });
  logger.info({ endpoint: placeOf(endpoint) }, `traces go to ${placeOf(endpoint)}`);
  return {
    tracer: provider.getTracer("epoxy", version),
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, PATIENCE_MS);
      await Promise.race([provider.shutdown().catch(() => {}), promise]);
      clearTimeout(timer);
    },
  };
}

/** Says once that spans don't arrive, and once when they do again. */
function tellingFailure(exporter: SpanExporter, endpoint: string, logger: Logger): SpanExporter {
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const code: number = result.code;
        const failed = code !== SUCCESS;
        if (failed && !failing) {
          const reason = result.error?.message || "no reason given";
          const text = `traces don't reach ${placeOf(endpoint)}, and are lost until they do: ${reason}`;
          logger.warn({ endpoint: placeOf(endpoint) }, text);
        } else if (!failed && failing) {
          logger.info({ endpoint: placeOf(endpoint) }, `traces reach ${placeOf(endpoint)} again`);
        }
        failing = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

/** Without user and password, and without a query, which may hold a key. */
function placeOf(endpoint: string): string {
  const url = URL.parse(endpoint);
  return url === null ? "an endpoint that is no URL" : `${url.protocol}//${url.host}${url.pathname}`;
}
