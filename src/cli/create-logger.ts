import { type DestinationStream, pino } from "pino";
import type { Logger } from "../control-plane/index.ts";

/**
 * The log of `epoxy serve`, on stderr: one JSON object a line, or lines for people, in colour where the terminal wants it.
 * Written synchronously, so that nothing is lost when the process ends.
 */
export async function createLogger(level: string, format: "json" | "pretty"): Promise<Logger> {
  const log = pino({ level, base: null }, await destination(format));
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  };
}

async function destination(format: "json" | "pretty"): Promise<DestinationStream> {
  if (format === "json") return pino.destination({ dest: 2, sync: true });
  const { PinoPretty } = await import("pino-pretty");
  const colorize = process.stderr.isTTY === true && process.env["NO_COLOR"] === undefined;
  return PinoPretty({ colorize, destination: 2, sync: true, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss.l" });
}
