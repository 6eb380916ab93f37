import { hostname } from 'node:os';
import { invalidArgument } from '../../../common/errors.ts';
import type { Labels } from '../layer.ts';

/** What a stream has in it: the first frame, in JSON. */
export interface Manifest {
  /** Whose form the layers' content has. */
  readonly store: string;
  /** For people. */
  readonly host: string;
  /** From the bottom up: each stands on the one before it. */
  readonly layers: readonly ManifestLayer[];
}

export interface ManifestLayer {
  readonly name: string;
  readonly labels: Labels;
  /** Tells its content from every other. */
  readonly identity: string;
}

export const encodeManifest = (store: string, layers: readonly ManifestLayer[]): Buffer =>
  Buffer.from(JSON.stringify({ store, host: hostname(), layers } satisfies Manifest));

/** @throws StatusError InvalidArgument */
export function decodeManifest(payload: Buffer): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch (cause) {
    throw invalidArgument('the stream’s manifest is no JSON', { cause });
  }
  if (isManifest(value)) return value;
  throw invalidArgument('the stream’s manifest does not name its layers: which program made it?');
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value) || typeof value['store'] !== 'string' || typeof value['host'] !== 'string') return false;
  const { layers } = value;
  return Array.isArray(layers) && layers.length > 0 && layers.every(isLayer);
}

const isLayer = (value: unknown): value is ManifestLayer =>
  isRecord(value) &&
  typeof value['name'] === 'string' &&
  typeof value['identity'] === 'string' &&
  isRecord(value['labels']) &&
  Object.values(value['labels']).every((label) => typeof label === 'string');
