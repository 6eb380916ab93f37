import path from 'node:path';
import { failedPrecondition } from '../../../common/errors.ts';
import { listIfExists } from '../../../common/files.ts';
import type { Worker } from '../worker.ts';

/**
 * Where the daemon has active layers mounted, for clients to bind: `ROOT/mnt/ID`. Clients cannot mount the dataset
 * itself a second time in another way (EBUSY), as a differ wants to, but can bind a mount as they like.
 */
export class MountPoints {
  readonly directory: string;
  readonly #worker: Worker;
  /** Snapshots that are mounted for a moment. */
  readonly #reading = new Set<string>();
  /** Those of them that a worker which died may have left. */
  readonly #left = new Set<string>();
  readonly #mounting = new Map<string, Promise<string>>();
  /** Layers that were committed: what was asked for just before would mount them for good. */
  readonly #closed = new Set<string>();

  constructor(root: string, worker: Worker) {
    this.directory = path.join(root, 'mnt');
    this.#worker = worker;
  }

  path(id: string): string {
    return path.join(this.directory, id);
  }

  /** Mounts the dataset if it is not: after a reboot, or when somebody unmounted it. @throws WorkerError, StatusError */
  ensure(id: string, dataset: string): Promise<string> {
    if (this.#closed.has(id)) return Promise.reject(failedPrecondition(`layer ${id} was committed meanwhile`));
    let mounting = this.#mounting.get(id);
    if (mounting === undefined) {
      mounting = this.#ensure(id, dataset).finally(() => this.#mounting.delete(id));
      this.#mounting.set(id, mounting);
    }
    return mounting;
  }

  async #ensure(id: string, dataset: string): Promise<string> {
    const target = this.path(id);
    await this.#worker.request('attach', dataset, target, 'zfs', '0', '');
    return target;
  }

  /** Writes out what is mounted for a layer, if anything is. @throws WorkerError */
  async sync(id: string): Promise<void> {
    await this.#worker.request('sync-mounted', this.path(id));
  }

  /** Releases a mount that is not to come back. @throws WorkerError */
  async close(id: string): Promise<void> {
    this.#closed.add(id);
    await this.#mounting.get(id)?.catch(() => undefined);
    await this.release(id);
  }

  /** Also of what a dead worker left of `withSnapshot`. @throws WorkerError */
  async releaseAll(id: string): Promise<void> {
    this.#closed.delete(id);
    const read = readName(id);
    await Promise.all([this.release(id), this.#left.has(read) ? this.release(read) : undefined]);
  }

  /** Whoever still uses the mount keeps the file system until they are done. @throws WorkerError */
  async release(id: string): Promise<void> {
    await this.#worker.request('release', this.path(id));
    this.#left.delete(id);
  }

  /** Takes away all but those of these layers: what a fall left, which nobody else would find again. */
  async clear(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await listIfExists(this.directory)) {
      // What cannot go is in nobody's way until somebody needs the place, and then says so.
      if (!keep.has(name)) await this.release(name).catch(() => undefined);
    }
  }

  /** The layer, or the snapshot of one, whose place that is; undefined for any other place. */
  id(point: string): string | undefined {
    return path.dirname(point) === this.directory ? path.basename(point) : undefined;
  }

  isReading(id: string): boolean {
    return this.#reading.has(id);
  }

  /** Runs `use` on a snapshot that is mounted for as long as that takes. */
  async withSnapshot<T>(id: string, snapshot: string, use: (directory: string) => Promise<T>): Promise<T> {
    const name = readName(id);
    this.#reading.add(name);
    this.#left.add(name);
    try {
      await this.#worker.request('attach', snapshot, this.path(name), 'zfs', READ_ONLY, '');
      return await use(this.path(name));
    } finally {
      await this.release(name).finally(() => this.#reading.delete(name));
    }
  }
}

const readName = (id: string) => `${id}-read`;

/** MS_RDONLY */
const READ_ONLY = '1';
