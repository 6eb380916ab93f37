import { mkdir, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { failedPrecondition } from '../../../common/errors.ts';
import { hasErrorCode, listIfExists } from '../../../common/files.ts';
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
    if (await this.isMounted(id)) return target;
    await mkdir(target, { recursive: true, mode: 0o700 });
    try {
      await this.#worker.request('mount', dataset, target, 'zfs', '0', '');
    } catch (error) {
      await rmdir(target).catch(() => undefined);
      throw error;
    }
    return target;
  }

  async isMounted(id: string): Promise<boolean> {
    try {
      const [own, above] = await Promise.all([stat(this.path(id)), stat(this.directory)]);
      return own.dev !== above.dev;
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return false;
      throw error;
    }
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
    await Promise.all([this.release(id), this.release(readName(id))]);
  }

  /** Whoever still uses the mount keeps the file system until they are done. */
  async release(id: string): Promise<void> {
    const target = this.path(id);
    try {
      if (await this.isMounted(id)) await this.#worker.request('unmount', target, 'detach');
      await rmdir(target);
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
    }
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

  async unmount(point: string): Promise<void> {
    await this.#worker.request('unmount', point, 'detach');
    await rmdir(point);
  }

  /** Runs `use` on a snapshot that is mounted for as long as that takes. */
  async withSnapshot<T>(id: string, snapshot: string, use: (directory: string) => Promise<T>): Promise<T> {
    const name = readName(id);
    const target = this.path(name);
    this.#reading.add(name);
    try {
      return await this.#withMount(snapshot, target, use);
    } finally {
      this.#reading.delete(name);
    }
  }

  async #withMount<T>(snapshot: string, target: string, use: (directory: string) => Promise<T>): Promise<T> {
    await mkdir(target, { recursive: true, mode: 0o700 });
    try {
      await this.#worker.request('mount', snapshot, target, 'zfs', READ_ONLY, '');
    } catch (error) {
      await rmdir(target).catch(() => undefined);
      throw error;
    }
    try {
      return await use(target);
    } finally {
      await this.#worker.request('unmount', target, 'detach');
      await rmdir(target);
    }
  }
}

const readName = (id: string) => `${id}-read`;

/** MS_RDONLY */
const READ_ONLY = '1';
