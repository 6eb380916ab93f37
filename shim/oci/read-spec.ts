import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidArgument } from '../../common/errors.ts';
import { parseSpec, type Checked } from './parse-documents.ts';
import type { Spec } from './spec.ts';

/** Real ones have 5 to 100 KB; a megabyte of environment and ten thousand mounts fit many times. */
export const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/**
 * Reads and checks `<bundle>/config.json`; `bundle` is an absolute path.
 *
 * Throws a StatusError with InvalidArgument that names the file and what mends it: it is missing, is no regular file,
 * is larger than `maxBytes`, is no JSON, or breaks a rule of the specification. None of the texts contains what Docker
 * takes for a missing executable ("no such file or directory", "not found") or for a denied one.
 */
export async function readSpec(bundle: string, maxBytes = MAX_CONFIG_BYTES): Promise<Checked<Spec>> {
  const path = join(bundle, 'config.json');
  const file = await openConfig(path);
  try {
    return parseSpec(await readBounded(file, path, maxBytes), path, bundle);
  } finally {
    await file.close();
  }
}

async function openConfig(path: string): Promise<FileHandle> {
  try {
    // O_NONBLOCK: opening a FIFO would wait for a writer for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    const what = code === 'ENOENT' ? 'does not exist: the bundle needs one' : `cannot be opened (${code})`;
    throw invalidArgument(`${path} ${what}`, { cause: error });
  }
}

/** What stat says is checked first, and what is read is bounded anyway, since the file may grow meanwhile. */
async function readBounded(file: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const stat = await file.stat();
  if (!stat.isFile()) throw invalidArgument(`${path} must be a regular file`);
  if (stat.size > maxBytes) throw tooLarge(path, stat.size, maxBytes);
  const buffer = Buffer.allocUnsafe(stat.size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
    if (length > stat.size) throw invalidArgument(`${path} grew while it was read: write it whole before Create`);
  }
}

const tooLarge = (path: string, size: number, maxBytes: number) =>
  invalidArgument(`${path} has ${size} bytes: at most ${maxBytes} are read`);
