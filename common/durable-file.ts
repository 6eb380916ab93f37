import { open, rename } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes a file as a whole or not at all, so that it outlives the host's fall: once this is done the new content is on
 * the disk, and if it is cut off, the file has its old content or the new. The caller keeps two writers from the same
 * file. What need not outlive a boot is written faster by atomic-file.ts.
 * @throws the file system's error; the temporary file may then be left and is overwritten by the next try.
 */
export async function writeDurableFile(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.new`;
  await writeSyncedFile(temporary, content);
  await rename(temporary, file);
  await syncDirectory(path.dirname(file));
}

/** Writes a file whose content is on the disk once this is done; its name is, once its directory is synced. */
export async function writeSyncedFile(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts on the disk which names are in a directory, and its mode and owner. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
