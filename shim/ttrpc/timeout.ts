import { Code, StatusError } from '../../common/errors.ts';

/** setTimeout takes 32 bits and turns more into 1 ms, which a limit of a month would then be. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** What the wire's signed 64 bits of nanoseconds hold, 292 years, in milliseconds. */
const MAX_WIRE_MS = 9_223_372_036_854;

/** Milliseconds, with their fraction, as the wire's whole nanoseconds. */
export function millisecondsToNanoseconds(milliseconds: number): bigint {
  if (milliseconds > MAX_WIRE_MS) return BigInt(MAX_WIRE_MS) * 1_000_000n;
  const whole = Math.trunc(milliseconds);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6));
}

export function nanosecondsToMilliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

/** What a call ends with whose time is up; the text is Go's, which callers know from context.DeadlineExceeded. */
export const deadlineExceeded = () => new StatusError(Code.DeadlineExceeded, 'context deadline exceeded');

/** A running timer. */
export interface Timeout {
  clear(): void;
}

/** Calls `expired` once, no earlier than `milliseconds` from now, however far away that is. */
export function startTimeout(milliseconds: number, expired: () => void): Timeout {
  let left = Math.ceil(milliseconds);
  let timer: NodeJS.Timeout;
  const arm = () => {
    const delay = Math.min(left, MAX_DELAY_MS);
    left -= delay;
    timer = setTimeout(left > 0 ? arm : expired, delay);
  };
  arm();
  return {
    clear: () => {
      clearTimeout(timer);
    },
  };
}
