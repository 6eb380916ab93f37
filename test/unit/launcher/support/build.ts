import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';

const repository = path.resolve(import.meta.dirname, '../../../..');
const cache = path.join(repository, 'node_modules/.cache/launcher-test');

export const BUILD_ID = '0.0.0-test';

/** The native programs of an installation. */
export interface NativePrograms {
  readonly launcher: string;
  readonly keeper: string;
}

/**
 * Builds launcher and keeper as a package would, once for all test files: make finds out whether there is anything to do, and
 * the lock keeps test files that start at the same time from writing over each other.
 */
export async function buildNativePrograms(): Promise<NativePrograms> {
  await mkdir(cache, { recursive: true });
  const launcher = path.join(cache, 'containerd-shim-lxcri-v1');
  const keeper = path.join(cache, 'lxcri-keeper');
  const make = ['make', '-s', '-C', path.join(repository, 'shim/native'), launcher, keeper];
  const settings = [`OUT=${cache}`, `BUILD_ID=${BUILD_ID}`, 'VERSION=0.0.0', 'REVISION=abcdef'];
  await execa('flock', [path.join(cache, 'lock'), ...make, ...settings], { timeout: 120_000 });
  return { launcher, keeper };
}
