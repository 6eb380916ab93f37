import { mkdir, readFile, realpath, rmdir } from 'node:fs/promises';
import { exec } from '../../../common/exec.ts';
import { hasErrorCode } from '../../../common/files.ts';
import { readLines } from '../../../common/lines.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Worker } from '../worker.ts';
import { mergedIn, type LayerPaths } from './layer-paths.ts';

const TIMEOUT_MS = 60_000;
const MS_RDONLY_AND_BIND = String(1 | 4096);

/** Where a chain is mounted for as long as the daemon reads what it shows: `snapshots/new-ID/merged`. */
export class MergedMounts {
  readonly #paths: LayerPaths;
  readonly #options: readonly string[];
  readonly #worker: Pick<Worker, 'request'>;
  /** Ids of layers that are being made of such a mount. */
  readonly #inUse = new Set<string>();

  constructor(paths: LayerPaths, options: readonly string[], worker: Pick<Worker, 'request'>) {
    this.#paths = paths;
    this.#options = options;
    this.#worker = worker;
  }

  /** @param chain the layers, the uppermost first. @param target the id of the layer that is being made. */
  async use<T>(chain: readonly Layer[], target: string, use: (directory: string) => Promise<T>): Promise<T> {
    const point = mergedIn(this.#paths.beingMade(target));
    this.#inUse.add(target);
    try {
      await mkdir(point, { mode: 0o700 });
      await this.#mount(chain, point);
      try {
        return await use(point);
      } finally {
        await this.#worker.request('unmount', point, 'detach');
        await rmdir(point);
      }
    } finally {
      this.#inUse.delete(target);
    }
  }

  async #mount([upper, ...lower]: readonly Layer[], point: string): Promise<void> {
    if (upper === undefined) throw new Error('a chain has at least one layer');
    if (lower.length === 0) {
      await this.#worker.request('mount', this.#paths.content(upper.id), point, '', MS_RDONLY_AND_BIND, '');
      return;
    }
    // Relative to the directory in which all are, or a long chain is more than fits into the options of a mount.
    const directories = [upper, ...lower].map(({ id }) => `${id}/fs`).join(':');
    const options = ['ro', `lowerdir=${directories}`, ...this.#options].join(',');
    // By mount(2): mount(8) gives its successor no option of more than 255 bytes.
    const args = ['-C', this.#paths.snapshots, 'LIBMOUNT_FORCE_MOUNT2=always', 'mount', '-i', '-t', 'overlay'];
    await exec('env', [...args, '-o', options, 'overlay', point], { timeoutMs: TIMEOUT_MS });
  }

  /** Those that a killed daemon left. */
  async left(): Promise<{ id: string; point: string }[]> {
    const [text, real] = await Promise.all([readFile('/proc/self/mountinfo', 'utf8'), realpath(this.#paths.snapshots)]);
    const points = readLines(text).map((line) => line.split(' ')[4] ?? '');
    return points.flatMap((point) => {
      const id = point.startsWith(`${real}/new-`) ? /\/new-(\d+)\/merged$/.exec(point)?.[1] : undefined;
      return id === undefined || this.#inUse.has(id) ? [] : [{ id, point }];
    });
  }

  async release(point: string): Promise<void> {
    await this.#worker.request('unmount', point, 'detach');
    await rmdir(point).catch((error: unknown) => {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
    });
  }
}
