import { open, rename } from 'node:fs/promises';

/**
 * Writes a file as a whole or not at all: a temporary file beside it, fsync, rename. A reader, now or after a crash at
 * any moment, finds the old content or the new. The caller keeps two writers from the same file.
 * @throws the file system's error; the temporary file may then be left and is overwritten by the next try.
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
