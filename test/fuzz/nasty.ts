/**
 * Values on which programs stumble. None names anything that a host has: what takes one of them for a path finds
 * nothing there.
 */
export const NASTY_STRINGS: readonly [string, ...string[]] = [
  '',
  '.',
  '..',
  '../../nowhere-lxcri',
  '/nowhere-lxcri/fuzz',
  '/nowhere-lxcri/../nowhere-lxcri',
  'nul\0inside',
  '\0',
  'line\nfeed',
  ' ',
  '-option',
  '%s%n%1000000d',
  '__proto__',
  'constructor',
  'ä\u{10ffff}\u202e',
  '\ud800',
  '\x7f\x1b[31m',
  '1e999',
  'x'.repeat(76),
  'x'.repeat(77),
  'x'.repeat(256),
  'x/'.repeat(2100),
];

export const NASTY_NUMBERS: readonly [number, ...number[]] = [
  0,
  1,
  63,
  64,
  65,
  127,
  128,
  255,
  65_535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
