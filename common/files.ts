import { access, chmod, mkdir, readFile, readdir, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export const hasErrorCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

/** The file's text, or undefined if there is none. Other errors are thrown. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Whether there is something of that name. */
export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The names in a directory; none if it does not exist. */
export async function listIfExists(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/**
 * Makes a directory, and those above it, through which others may pass without seeing what is in it, whatever the
 * umask: liblxc, as the root of a container's user namespace, must reach some (shim/native/host/run-dir.c).
 */
export async function makePassableDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  await Promise.all([first, directory].map((each) => chmod(each, 0o711)));
}

const ignoreMissing = (error: unknown) => {
  if (!hasErrorCode(error, 'ENOENT')) throw error;
};

/** Removes a file if there is one, with one call of the system; `rm` makes three. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(ignoreMissing);
}

/** Removes a directory if there is one, and all in it, with half the calls that `rm` makes. */
export async function removeDirectory(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    ignoreMissing(error);
    return undefined;
  });
  if (entries === undefined) return;
  await Promise.all(
    entries.map((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? removeDirectory(path) : removeFile(path);
    }),
  );
  await rmdir(directory);
}

/** All of a text at the end of a file opened for that; one call to the system, where appendFile makes its way through three. */
export async function appendWhole(file: FileHandle, text: string): Promise<void> {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const { bytesWritten } = await file.write(rest);
    rest = rest.subarray(bytesWritten);
  }
}
