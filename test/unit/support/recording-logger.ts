import { Writable } from 'node:stream';
import pino from 'pino';
import type { Logger } from '../../../common/logger.ts';

export interface LogRecord {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** A real logger, and what it has logged so far. */
export function recordingLogger(): { readonly logger: Logger; readonly records: LogRecord[] } {
  const records: LogRecord[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      records.push(JSON.parse(chunk.toString()) as LogRecord);
      done();
    },
  });
  const formatters = { level: (level: string) => ({ level }) };
  return { logger: pino({ level: 'trace', base: null, formatters }, stream), records };
}
