import { invalidArgument } from '../../common/errors.ts';
import type { Labels } from './layer.ts';

/** How much the snapshot's file system may hold. */
export const MAX_SIZE_LABEL = 'containerd.io/snapshot/max-size';

/** Comes with every layer that containerd unpacks: docs/remote-snapshotter.md. */
const UNPACK_LABEL = 'containerd.io/snapshot.ref';

const UNITS = 'KMGTP';
const SIZE = /^(\d{1,15})(?:([KMGTP])(?:i?B)?|B)?$/i;

/** Reads `512M`, `10GiB` or a number of bytes; units are powers of 1024. @throws StatusError InvalidArgument */
export function parseSize(text: string, field: string): bigint {
  const [, digits, unit] = SIZE.exec(text.trim()) ?? [];
  if (digits === undefined || BigInt(digits) === 0n) {
    throw invalidArgument(
      `${field} ${JSON.stringify(text)} is no size: write a number of bytes, or one such as 512M or 10G`,
    );
  }
  const exponent = unit === undefined ? 0 : UNITS.indexOf(unit.toUpperCase()) + 1;
  return BigInt(digits) << BigInt(10 * exponent);
}

/** What limits a new active layer: its label, else what the configuration gives to containers, though not to images. */
export function maxBytesOf(labels: Labels, defaultMaxBytes: bigint | undefined): bigint | undefined {
  const text = labels[MAX_SIZE_LABEL];
  if (text !== undefined) return parseSize(text, `label ${MAX_SIZE_LABEL}`);
  return labels[UNPACK_LABEL] === undefined ? defaultMaxBytes : undefined;
}
