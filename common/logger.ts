import pino, { type Logger } from 'pino';

export type { Logger };

/** What waits for room on a full disk; the rest is lost. */
const MAX_WAITING_BYTES = 64 * 1024;

/**
 * A logger of JSON lines to a file descriptor. A log that cannot be written, as on a full disk, harms nobody: it goes
 * on where there is room again. Writes are synchronous, since pino's asynchronous ones would then never let the process
 * exit (sonic-boom, flushSync).
 */
export function createLogger(level: string, fd = 2): Logger {
  const destination = pino.destination({ dest: fd, sync: true, maxLength: MAX_WAITING_BYTES });
  destination.on('error', () => undefined);
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
