import { invalidArgument } from '../../common/errors.ts';
import type { Labels } from './layer.ts';

/** Of one label, key and value together: containerd, pkg/labels/validate.go. */
const MAX_LABEL_BYTES = 4096;

/** Of all labels of a layer, which are in one message of List: no client takes more than 4 MiB. */
const MAX_BYTES = 256 << 10;

/**
 * The labels that a layer is to have. An empty one is none: containerd's own snapshotters do not keep it.
 * @throws StatusError InvalidArgument
 */
export function acceptLabels(labels: Labels): Labels {
  const kept = Object.entries(labels).filter(([, value]) => value !== '');
  let bytes = 0;
  for (const [key, value] of kept) bytes += checkLabel(key, value);
  if (bytes > MAX_BYTES) {
    throw invalidArgument(`labels: they have ${bytes} bytes, ${MAX_BYTES} are allowed: leave some out`);
  }
  return Object.fromEntries(kept);
}

function checkLabel(key: string, value: string): number {
  if (key === '') throw invalidArgument(`labels: a label with the value ${quoteStart(value)} has no key: give it one`);
  const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes > MAX_LABEL_BYTES) {
    throw invalidArgument(
      `label ${quoteStart(key)} has ${bytes} bytes with its value, ${MAX_LABEL_BYTES} are allowed: shorten it`,
    );
  }
  return bytes;
}

const QUOTED = 60;
const quoteStart = (text: string) =>
  text.length > QUOTED ? `${JSON.stringify(text.slice(0, QUOTED))}…` : JSON.stringify(text);
