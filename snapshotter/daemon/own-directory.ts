import { mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { failedPrecondition, messageOf } from '../../common/errors.ts';
import { hasErrorCode } from '../../common/files.ts';

/**
 * Makes a directory for root alone, and those above it, where they are not there yet.
 * @param option what named it, for the error.
 * @returns it without symbolic links: mount points below it are looked up by their names.
 * @throws StatusError FailedPrecondition
 */
export async function ownDirectory(directory: string, option: string): Promise<string> {
  try {
    await makeBelow(directory);
    return await realpath(directory);
  } catch (cause) {
    const why = messageOf(cause);
    throw failedPrecondition(`${option} ${directory} is no directory that can be used: ${why}; choose another`, {
      cause,
    });
  }
}

/** Not mkdir's `recursive`, which in Node 20 never ends below /proc. */
async function makeBelow(directory: string): Promise<void> {
  try {
    if ((await stat(directory)).isDirectory()) return;
    throw new Error('it is a file');
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  }
  if (path.dirname(directory) !== directory) await makeBelow(path.dirname(directory));
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    // Somebody else made it meanwhile.
    if (!hasErrorCode(error, 'EEXIST')) throw error;
  }
}
