import type { BigIntStats } from 'node:fs';
import { constants, lstat, open, opendir, type FileHandle } from 'node:fs/promises';
import { hasErrorCode } from '../../../common/files.ts';
import { mapBounded } from '../../../common/map-bounded.ts';
import type { Usage } from '../../layerfs/layer.ts';

/** Few, since all file-system calls of the daemon share four threads. */
const PARALLEL = 8;
/** How many names of a directory are looked at in one go, so that a huge one takes no memory. */
const NAMES = 256;
/** PATH_MAX, with room for a name. */
const LONG_PATH = 3500;
const BLOCK = 512n;

interface Directory {
  readonly path: Buffer;
  readonly stats: BigIntStats;
}

/**
 * What a tree takes on its file system: as continuity's fs.DiskUsage, which containerd's snapshotters use, and `du -x`.
 * Somebody may change the tree meanwhile: what vanishes does not count, and no symlink put in place of a directory leads
 * out of it.
 * @throws the file system's error.
 */
export async function diskUsage(root: string): Promise<Usage> {
  const path = Buffer.from(root);
  const counter = new Counter();
  const stats = await lstat(path, { bigint: true });
  counter.count(stats);
  if (stats.isDirectory()) await walk({ path, stats }, counter);
  return counter.usage;
}

class Counter {
  #bytes = 0n;
  #inodes = 0n;
  /** How many more names the inodes with several are expected to have. */
  readonly #linked = new Map<string, bigint>();

  get usage(): Usage {
    return { bytes: this.#bytes, inodes: this.#inodes };
  }

  count(stats: BigIntStats): void {
    if (!stats.isDirectory() && stats.nlink > 1n && this.#isKnown(stats)) return;
    this.#bytes += stats.blocks * BLOCK;
    this.#inodes++;
  }

  #isKnown({ dev, ino, nlink }: BigIntStats): boolean {
    const inode = `${dev}:${ino}`;
    const left = this.#linked.get(inode);
    if (left === 1n) this.#linked.delete(inode);
    else this.#linked.set(inode, (left ?? nlink) - 1n);
    return left !== undefined;
  }
}

async function walk(root: Directory, counter: Counter): Promise<void> {
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const handle = await openDirectory(next);
    if (handle === undefined) continue;
    try {
      const here = Buffer.from(`/proc/self/fd/${handle.fd}`);
      // Names below it would be too long for the kernel: they begin anew at the descriptor.
      const isLong = next.path.length > LONG_PATH;
      const base = isLong ? here : next.path;
      for await (const { name, stats } of entries(here)) {
        if (stats.dev !== root.stats.dev) continue;
        counter.count(stats);
        if (!stats.isDirectory()) continue;
        const directory = { path: join(base, name), stats };
        if (isLong) await walk(directory, counter);
        else waiting.push(directory);
      }
    } finally {
      await handle.close();
    }
  }
}

/** @returns undefined if it is no longer what it was. */
async function openDirectory({ path, stats }: Directory): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  const { dev, ino } = await handle.stat({ bigint: true });
  if (dev === stats.dev && ino === stats.ino) return handle;
  await handle.close();
  return undefined;
}

interface Entry {
  readonly name: Buffer;
  readonly stats: BigIntStats;
}

async function* entries(directory: Buffer): AsyncGenerator<Entry> {
  for await (const names of namesIn(directory)) {
    const found = await mapBounded(names, PARALLEL, async (name) => ({
      name,
      stats: await lstatIfExists(join(directory, name)),
    }));
    for (const { name, stats } of found) if (stats !== undefined) yield { name, stats };
  }
}

/** Names need not be UTF-8. */
async function* namesIn(directory: Buffer): AsyncGenerator<Buffer[]> {
  let names: Buffer[] = [];
  // @types/node does not know that names are Buffers then.
  const encoding = 'buffer' as BufferEncoding;
  for await (const { name } of await opendir(directory, { encoding, bufferSize: NAMES })) {
    names.push(name as unknown as Buffer);
    if (names.length < NAMES) continue;
    yield names;
    names = [];
  }
  yield names;
}

async function lstatIfExists(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const SLASH = Buffer.from('/');
const join = (directory: Buffer, name: Buffer) => Buffer.concat([directory, SLASH, name]);
