import { constants } from 'node:os';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { messageOf } from '../../common/errors.ts';
import { UsageError } from '../../shim/cli/usage-error.ts';

interface Range {
  readonly least: number;
  readonly most: number;
}

/** The values of a command line that consists of options. @throws UsageError */
export function parseOptions<const T extends NonNullable<ParseArgsConfig['options']>>(options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** @throws UsageError naming the option */
export function numberOf(option: string, value: string, { least, most }: Range): number {
  const result = Number(value);
  if (value.trim() !== '' && result >= least && result <= most) return result;
  throw new UsageError(`--${option} wants a number from ${least} to ${most}, not ${value}`);
}

/** @throws UsageError naming the option */
export function wholeNumberOf(option: string, value: string, range: Range): number {
  const result = numberOf(option, value, range);
  if (Number.isInteger(result)) return result;
  throw new UsageError(`--${option} wants a whole number, not ${value}`);
}

/** As a command line would have it. */
export const newSeed = () => String(Math.floor(Math.random() * 2 ** 32));

/** To whoever waits; stdout is for the result. */
export const say = (text: string) => {
  process.stderr.write(`${text}\n`);
};

/** Aborted by the first Ctrl-C; the second ends the process. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  // tsx ends a process that has no listener left once it was told.
  process.on('SIGINT', () => {
    if (interrupted.signal.aborted) process.exit(128 + constants.signals.SIGINT);
    interrupted.abort();
  });
  return interrupted.signal;
}

/** Runs a program of this name, whose exit status `main` returns: 2 for a wrong command line, 1 if anything else fails. */
export async function runProgram(name: string, main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const text = error instanceof Error ? (isUsage ? error.message : String(error.stack)) : String(error);
    process.stderr.write(`${name}: ${text}\n`);
    process.exitCode = isUsage ? 2 : 1;
  }
}
