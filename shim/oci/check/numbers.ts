import { and, type Check } from './check.ts';

/** A required integer that a double holds exactly. */
export function integer(min: number, max: number): Check<number> {
  return (value, at) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw at.refusal(value, `an integer from ${min} to ${max}`);
    }
    return value === 0 ? 0 : value; // -0 is 0
  };
}

/** A required 64-bit integer, for which `parseJson` gives a number or, beyond 2^53, a bigint. */
function integer64(min: bigint, max: bigint): Check<bigint> {
  return (value, at) => {
    const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
    const big = exact ? BigInt(value as bigint | number) : max + 1n;
    if (big < min || big > max) throw at.refusal(value, `an integer from ${min} to ${max}`);
    return big;
  };
}

export const uint16 = integer(0, 2 ** 16 - 1);
export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);
export const uint32 = integer(0, 2 ** 32 - 1);
export const int64 = integer64(-(2n ** 63n), 2n ** 63n - 1n);
export const uint64 = integer64(0n, 2n ** 64n - 1n);

/** A user or group id. 2^32 - 1 is -1, which setuid(2) and chown(2) take as "no id" or "leave it". */
export const id = integer(0, 2 ** 32 - 2);

/** Linux's dev_t: 12 bits of major number, 20 of minor (include/linux/kdev_t.h). */
export const deviceMajor = integer(0, 2 ** 12 - 1);
export const deviceMinor = integer(0, 2 ** 20 - 1);

/** Limits in bytes or entries where -1 stands for unlimited. */
export const limit = and(int64, (value) => value >= -1n, 'a positive integer, 0, or -1 for unlimited');
