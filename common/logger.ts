import pino, { type Logger } from 'pino';

export type { Logger };

/**
 * A logger of JSON lines to a file descriptor. Writes are asynchronous and joined, so that a busy daemon does not wait
 * for its log; `flush` (pino's) forces them out, which is what an exit needs.
 */
export function createLogger(level: string, fd = 2): Logger {
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: fd, sync: false, minLength: 0 }),
  );
}
