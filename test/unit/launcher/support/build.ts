import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';

const repository = path.resolve(import.meta.dirname, '../../../..');
const cache = path.join(repository, 'node_modules/.cache/launcher-test');

export const BUILD_ID = '0.0.0-test';

/**
 * Builds the launcher as a package would, once for all test files: make finds out whether there is anything to do, and
 * the lock keeps test files that start at the same time from writing over each other.
 */
export async function buildLauncher(): Promise<string> {
  await mkdir(cache, { recursive: true });
  const make = ['make', '-s', '-C', path.join(repository, 'shim/native'), path.join(cache, 'containerd-shim-lxcri-v1')];
  const settings = [`OUT=${cache}`, `BUILD_ID=${BUILD_ID}`, 'VERSION=0.0.0', 'REVISION=abcdef'];
  await execa('flock', [path.join(cache, 'lock'), ...make, ...settings], { timeout: 120_000 });
  return path.join(cache, 'containerd-shim-lxcri-v1');
}
