import { mkdir, readFile, rename } from 'node:fs/promises';
import { syncDirectory, writeSyncedFile } from '../../../common/durable-file.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Work } from '../store.ts';
import { contentIn, recordIn, type LayerPaths } from './layer-paths.ts';
import type { MergedMounts } from './merged-mounts.ts';
import { encodeRecord } from './record.ts';

export interface FlattenOptions {
  readonly paths: LayerPaths;
  readonly merged: MergedMounts;
  /** Writes out the file system of a path. */
  readonly sync: (path: string) => Promise<void>;
}

const POLL_MS = 500;

/** Makes a layer of what a chain shows: under a temporary name, until all of it is on the disk. */
export async function flatten(
  { paths, merged, sync }: FlattenOptions,
  chain: readonly Layer[],
  target: Layer,
  work: Work,
): Promise<void> {
  const directory = paths.beingMade(target.id);
  const content = contentIn(directory);
  await mkdir(directory, { mode: 0o700 });
  await mkdir(content, { mode: 0o755 });
  await merged.use(chain, target.id, (source) => copyTree(source, content, work));
  await writeSyncedFile(recordIn(directory), encodeRecord(target));
  await sync(content);
  work.signal.throwIfAborted();
  await syncDirectory(directory);
  await rename(directory, paths.directory(target.id));
  await syncDirectory(paths.snapshots);
}

/** By cp(1), which keeps what there is: owners, times, extended attributes, hard links, devices and holes. */
async function copyTree(source: string, target: string, { signal, progress }: Work): Promise<void> {
  const { execa } = await import('execa');
  const args = ['--archive', '--one-file-system', '--', `${source}/.`, `${target}/`];
  const child = execa('cp', args, { stdin: 'ignore', stdout: 'ignore', cancelSignal: signal });
  let told = 0;
  const timer = setInterval(() => {
    void writtenBy(child.pid).then((bytes) => {
      if (bytes <= told) return;
      progress(bytes - told);
      told = bytes;
    });
  }, POLL_MS);
  try {
    await child;
  } finally {
    clearInterval(timer);
  }
}

/** proc_pid_io(5) */
async function writtenBy(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${String(pid)}/io`, 'utf8').catch(() => '');
  return Number(/^wchar: (\d+)$/m.exec(text)?.[1] ?? 0);
}
