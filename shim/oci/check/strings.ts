import { posix } from 'node:path';
import { and, type Check } from './check.ts';

/** NUL ends a string for the kernel; half a surrogate pair has no UTF-8 form, so it would reach the kernel altered. */
const UNSPEAKABLE = /[\0\p{Surrogate}]/u;

/** A required string that can be handed to the kernel as it is. */
export const text: Check<string> = (value, at) => {
  if (typeof value !== 'string') throw at.refusal(value, 'a string');
  if (UNSPEAKABLE.test(value)) throw at.refusal(value, 'a string without NUL and without unpaired surrogates');
  return value;
};

export const nonEmpty = and(text, (value) => value !== '', 'a string that is not empty');

/** One line of a file below /proc or /sys, or of a configuration: a newline would begin another. */
export const line = and(text, (value) => !/[\r\n]/.test(value), 'one line');

export function matching(pattern: RegExp, expected: string): Check<string> {
  return and(text, (value) => pattern.test(value), expected);
}

/** A required absolute path, as written: `..` after a symbolic link is the kernel's to resolve. */
export const absolutePath = and(text, (value) => value.startsWith('/'), 'an absolute path');

/** A required absolute path inside the container, made lexically clean: no `.`, no `..`, no double or trailing slash. */
export const containerPath: Check<string> = (value, at) => cleanPath(absolutePath(value, at));

/** As Go's filepath.Clean: posix.normalize, without the trailing slash that it keeps. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** The list format of the kernel's bitmaps: `0-3,7`, `0-31:2/4` (Documentation/core-api/kernel-api.rst, cpuset(7)). */
export const bitmapList = matching(/^[0-9,:/ -]*$/, 'a list of numbers and ranges such as "0-3,7"');
