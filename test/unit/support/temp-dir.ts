import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { TEMP_ROOT } from '../../support/temp-dir.ts';

/** A directory for one test, whose path is short enough for sockets in it; it goes with the test, once
 * nobody writes there any more. */
export async function tempDir(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(path.join(TEMP_ROOT, 'lx-unit-'));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}
