import { rename, writeFile } from 'node:fs/promises';

/**
 * Writes a file as a whole or not at all: a temporary file beside it, then rename. A reader, now or after a crash of
 * this process at any moment, finds the old content or the new. The caller keeps two writers from the same file.
 *
 * There is no fsync, because what is written so does not outlive a boot (shim/task/boot.ts), and on a host whose /run
 * is on a disk it cost each container 5 ms and more.
 * @throws the file system's error; the temporary file may then be left and is overwritten by the next try.
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}
