import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The longest directory of the system that leaves room for a socket's path, of at most 106 bytes, below it. */
const LONGEST = 30;

export const TEMP_ROOT = tmpdir().length > LONGEST ? '/tmp' : tmpdir();

/**
 * Makes a directory such as /tmp/lx-Ab3dE9; its last part is unique enough to serve as a marker (see leftovers.ts). The
 * root of a container's user namespace must be able to pass through it.
 */
export async function makeTempDir(): Promise<string> {
  const directory = await mkdtemp(path.join(TEMP_ROOT, 'lx-'));
  await chmod(directory, 0o711);
  return directory;
}
