/** Takes structured messages; a pino logger is one. */
export interface XdsLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
