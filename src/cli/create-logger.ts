import { type DestinationStream, pino } from "pino";
import type { Logger } from "../control-plane/index.ts";
import { errorCode } from "../errors/index.ts";

/**
 * The log of `epoxy serve`, on stderr: one JSON object a line, or lines for people, in colour where the terminal wants it.
 * Written synchronously, so that nothing is lost when the process ends.
 */
export async function createLogger(level: string, format: "json" | "pretty"): Promise<Logger> {
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // The message says what is wrong and where; where in our code is of no use to who runs it.
      serializers: { err: errorFields },
    },
    await destination(format),
  );
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  };
}

const errorFields = (error: unknown): unknown =>
  error instanceof Error ? { message: error.message, code: errorCode(error) } : error;

async function destination(format: "json" | "pretty"): Promise<DestinationStream> {
  if (format === "json") return pino.destination({ dest: 2, sync: true });
  const { PinoPretty } = await import("pino-pretty");
  const colorize = process.stderr.isTTY && process.env["NO_COLOR"] === undefined;
  return PinoPretty({ colorize, destination: 2, sync: true, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss.l" });
}
