/** The part of a logger this module needs; pino's fits. `fields.err` carries an Error, whose stack is worth keeping. */
export interface Logger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const ignore = () => undefined;

export const silentLogger: Logger = { debug: ignore, warn: ignore, error: ignore };
