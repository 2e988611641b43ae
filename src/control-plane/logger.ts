type Log = (fields: object, message: string) => void;

/** Where the control plane says what happens. Shaped like pino, which the command line passes; silent by default. */
export interface Logger {
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
}

const nothing: Log = () => {};

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
