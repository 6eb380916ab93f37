import { rename, writeFile } from 'node:fs/promises';
import { removeFile } from './files.ts';

/**
 * Writes a file as a whole or not at all: a temporary file beside it, then rename. A reader, now or after a crash of
 * this process at any moment, finds the old content or the new. The caller keeps two writers from the same file.
 *
 * There is no fsync, because what is written so does not outlive a boot (shim/task/boot.ts), and on a host whose /run
 * is on a disk it cost each container 5 ms and more.
 * @throws the file system's error; the temporary file is gone then.
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    // On a full disk it would take the last room.
    await removeFile(temporary).catch(() => undefined);
    throw error;
  }
}

const SUFFIX = '.new';
const temporaryOf = (path: string) => path + SUFFIX;

/** Which file a name is the temporary one of: the writer was killed, or writes now. Undefined: it is none. */
export const finalNameOf = (name: string): string | undefined =>
  name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
