import { failedPrecondition } from '../../../common/errors.ts';
import type { Layer, Mount, Usage } from '../../layerfs/layer.ts';
import { MAX_SIZE_LABEL } from '../../layerfs/max-size.ts';
import { idMapOptions } from '../id-map.ts';
import type {
  CreateOptions,
  FileSystemSnapshots,
  Inspection,
  Orphan,
  Scan,
  Space,
  Store,
  TotalSpace,
  Undestroyed,
  Work,
} from '../store.ts';
import { WorkerError, WorkerLostError, type Worker } from '../worker.ts';
import { commitLayer, markCommitted, unmarked } from './commit-layer.ts';
import { idMapRefusal } from './id-map-support.ts';
import { inspectPool } from './inspect-pool.ts';
import { layerSpace, totalSpace } from './layer-space.ts';
import { listDatasets } from './list-datasets.ts';
import { MountPoints } from './mount-points.ts';
import { DatasetNames } from './names.ts';
import { Pool, type Destruction, type NewProperties } from './pool.ts';
import { preparePool } from './prepare-pool.ts';
import { encodeRecord, RECORD_PROPERTY, viewProperty } from './record.ts';
import { scanDatasets } from './scan-pool.ts';
import { LayerVerifier } from './verify-layer.ts';
import { isErrno, zfsError } from './zfs-error.ts';
import { ZfsSnapshots } from './zfs-snapshots.ts';
import { ZfsTransfer } from './zfs-transfer.ts';

export interface ZfsStoreOptions {
  /** Such as `rpool/layerfs`: of LayerFS alone. */
  readonly dataset: string;
  /** The daemon's directory, for mount points. */
  readonly root: string;
  readonly worker: Worker;
  /** Whether the dataset may be made if it is not there. */
  readonly isNew: boolean;
}

/**
 * Layers as ZFS datasets, which are the only record of them (record.ts). A layer is `DATASET/ID`, a clone of its
 * parent's snapshot; its snapshot `@layer` makes it a committed one. A view is no dataset at all: its client mounts the
 * parent's snapshot.
 */
export class ZfsStore implements Store {
  readonly kind = 'zfs';
  readonly location: string;
  readonly snapshots: FileSystemSnapshots;
  readonly transfer: ZfsTransfer;
  readonly #verifier: LayerVerifier;
  readonly #names: DatasetNames;
  readonly #pool: Pool;
  readonly #mountPoints: MountPoints;
  readonly #worker: Worker;
  /** Files and directories in a committed layer with all below it. */
  readonly #fileCounts = new Map<string, Promise<bigint>>();

  readonly #idMapRefusal: string | undefined;

  private constructor({ dataset, root, worker }: ZfsStoreOptions, refusal: string | undefined) {
    this.#idMapRefusal = refusal;
    this.location = dataset;
    this.#names = new DatasetNames(dataset);
    this.#worker = worker;
    this.#pool = new Pool(dataset, worker);
    this.#mountPoints = new MountPoints(root, worker);
    const [names, pool] = [this.#names, this.#pool];
    this.snapshots = new ZfsSnapshots({ names, pool, sync: ({ id }) => this.#sync(id) });
    this.transfer = new ZfsTransfer(names, pool);
    this.#verifier = new LayerVerifier(names, pool);
  }

  static async open(options: ZfsStoreOptions): Promise<ZfsStore> {
    const store = new ZfsStore(options, await idMapRefusal());
    await preparePool(store.#names, options.root, options.isNew);
    return store;
  }

  async scan(): Promise<Scan> {
    const datasets = await listDatasets(this.#names.root);
    const scan = scanDatasets(this.#names, datasets);
    const actives = scan.layers.filter(({ kind }) => kind === 'active').map(({ id }) => id);
    await this.#mountPoints.clear(new Set(actives));
    void this.#markAll(unmarked(this.#names, scan.layers, datasets));
    return scan;
  }

  /** Again if the worker dies of it. What is left undone by then is made up for with the next start. */
  async #soon(task: () => Promise<void>): Promise<void> {
    for (let tries = 0; tries < BACKGROUND_TRIES; tries++) {
      try {
        await task();
        return;
      } catch (error) {
        if (!(error instanceof WorkerLostError)) return;
      }
    }
  }

  /** One after another: a pool that comes from elsewhere may have thousands. */
  async #markAll(layers: readonly Layer[]): Promise<void> {
    for (const layer of layers) await this.#soon(() => markCommitted(this.#names, this.#pool, layer));
  }

  async create(layer: Layer, _ancestors: readonly Layer[], { maxBytes }: CreateOptions): Promise<void> {
    if (layer.kind === 'view') return this.#createView(layer);
    const { id, parent } = layer;
    const properties: NewProperties = new Map<string, string | bigint>([
      ...encodeRecord(RECORD_PROPERTY, layer),
      ...(maxBytes === undefined ? [] : [['refquota', maxBytes] as const]),
    ]);
    const origin = this.#names.origin(parent);
    try {
      await this.#pool.clone(this.#names.dataset(id), origin, properties);
    } catch (error) {
      if (maxBytes !== undefined && isErrno(error, 'ENOSPC')) await this.#explainQuota(origin, maxBytes);
      throw error;
    }
  }

  async #createView(layer: Layer): Promise<void> {
    await this.#pool.setProperties(this.#names.origin(layer.parent), encodeRecord(viewProperty(layer.id), layer));
  }

  async #explainQuota(origin: string, maxBytes: bigint): Promise<void> {
    const referenced = (await this.#pool.read(['referenced'], [origin])).get(origin)?.get('referenced');
    if (typeof referenced !== 'number' || BigInt(referenced) <= maxBytes) return;
    throw failedPrecondition(
      `label ${MAX_SIZE_LABEL}: ${maxBytes} bytes are less than the ${referenced} that the parent holds already`,
    );
  }

  async commit(layer: Layer): Promise<void> {
    const { id } = layer;
    // A snapshot does not see what only a mapped page holds yet.
    await this.#sync(id);
    await commitLayer(this.#names, this.#pool, layer);
    // Nobody waits for it; and whoever has it mounted still, keeps it.
    void this.#soon(() => this.#mountPoints.close(id));
    void this.#soon(() => markCommitted(this.#names, this.#pool, layer));
  }

  #sync(id: string): Promise<void> {
    return this.#translate(() => this.#mountPoints.sync(id));
  }

  async update(layer: Layer): Promise<void> {
    const { id, kind } = layer;
    if (kind === 'view') return this.#createView(layer);
    const target = kind === 'committed' ? this.#names.snapshot(id) : this.#names.dataset(id);
    await this.#pool.setProperties(target, encodeRecord(RECORD_PROPERTY, layer));
  }

  async mounts(layer: Layer): Promise<Mount[]> {
    const { id, kind, parent, labels } = layer;
    const idMap = idMapOptions(labels, this.#idMapRefusal);
    if (kind === 'view') {
      return [{ type: 'zfs', source: this.#names.origin(parent), target: '', options: ['ro', ...idMap] }];
    }
    const source = await this.#mount(id);
    return [{ type: 'bind', source, target: '', options: ['rw', 'rbind', ...idMap] }];
  }

  #mount(id: string): Promise<string> {
    return this.#translate(() => this.#mountPoints.ensure(id, this.#names.dataset(id)));
  }

  async usage(layer: Layer): Promise<Usage> {
    const { id, kind, parent } = layer;
    if (kind === 'view') return { bytes: 0n, inodes: 0n };
    const below = await this.#fileCount(parent);
    if (kind === 'committed') {
      const [bytes, files] = await Promise.all([this.#bytes(this.#names.snapshot(id), 'written'), this.#fileCount(id)]);
      return { bytes, inodes: atLeastZero(files - below) };
    }
    await this.#mount(id);
    await this.#sync(id);
    await this.#pool.sync();
    const [bytes, files] = await Promise.all([
      this.#bytes(this.#names.dataset(id), 'used'),
      this.#countFiles(this.#mountPoints.path(id)),
    ]);
    return { bytes, inodes: atLeastZero(files - below) };
  }

  async #bytes(dataset: string, property: string): Promise<bigint> {
    const value = (await this.#pool.read([property], [dataset])).get(dataset)?.get(property);
    if (typeof value === 'number') return BigInt(value);
    throw failedPrecondition(`dataset ${dataset} is gone: see \`proxmox-lxcri layerfs fsck\``);
  }

  /** Of a committed layer, or of the empty one; it never changes. */
  #fileCount(id: string | undefined): Promise<bigint> {
    const key = id ?? 'empty';
    let count = this.#fileCounts.get(key);
    if (count === undefined) {
      count = this.#translate(() =>
        this.#mountPoints.withSnapshot(key, this.#names.origin(id), (directory) => this.#countFiles(directory)),
      );
      this.#fileCounts.set(key, count);
      count.catch(() => this.#fileCounts.delete(key));
    }
    return count;
  }

  async #countFiles(directory: string): Promise<bigint> {
    const [, files = '0', free = '0'] = (await this.#ask('statfs', directory)).split(' ');
    return BigInt(files) - BigInt(free);
  }

  /** The dataset stays as it is; its mount goes when it is destroyed, since that can take a transaction. */
  async discard(): Promise<void> {
    // Nothing to do.
  }

  async destroy(layers: readonly Layer[]): Promise<Undestroyed[]> {
    return this.#destroy(
      layers.map((layer) => layer.id),
      layers.map((layer) => this.#destruction(layer)),
    );
  }

  #destruction(layer: Layer): Destruction {
    const { id, kind, parent } = layer;
    if (kind !== 'view') return { dataset: this.#names.dataset(id) };
    return { dataset: this.#names.origin(parent), record: viewProperty(id) };
  }

  async destroyOrphans(orphans: readonly Orphan[]): Promise<Undestroyed[]> {
    return this.#destroy(
      orphans.map(({ id }) => id),
      orphans.map(({ place }) => ({ dataset: place })),
    );
  }

  async #destroy(ids: readonly string[], targets: readonly Destruction[]): Promise<Undestroyed[]> {
    if (ids.length === 0) return [];
    // What cannot be unmounted cannot be destroyed either, and the pool says so.
    const mountable = ids.filter((_, index) => targets[index]?.record === undefined);
    await Promise.all(mountable.map((id) => this.#soon(() => this.#mountPoints.releaseAll(id))));
    const failed = await this.#pool.destroy(targets);
    for (const id of ids) this.#fileCounts.delete(id);
    return ids.flatMap((id, index) => {
      const { dataset = '', record = dataset } = targets[index] ?? {};
      const errno = failed.get(record);
      return errno === undefined ? [] : [{ id, reason: reasonOf(errno) }];
    });
  }

  place({ id, kind, parent }: Layer): string {
    return kind === 'view' ? this.#names.origin(parent) : this.#names.dataset(id);
  }

  space(layers: readonly Layer[]): Promise<ReadonlyMap<string, Space>> {
    return layerSpace(this.#names, this.#pool, layers);
  }

  totalSpace(): Promise<TotalSpace> {
    return totalSpace(this.#names, this.#pool);
  }

  inspect(layers: readonly Layer[]): Promise<Inspection> {
    const [names, pool, mountPoints] = [this.#names, this.#pool, this.#mountPoints];
    return inspectPool({ names, pool, mountPoints, inUse: this.#verifier.inUse }, layers);
  }

  verify(layer: Layer, work: Work): Promise<void> {
    return this.#verifier.verify(layer, work);
  }

  flatten(layer: Layer, _ancestors: readonly Layer[], target: Layer, work: Work): Promise<void> {
    return this.transfer.flatten(layer, target, work);
  }

  #ask(verb: string, ...args: readonly string[]): Promise<string> {
    return this.#translate(() => this.#worker.request(verb, ...args));
  }

  async #translate<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw error instanceof WorkerError ? zfsError(error, this.#pool.name) : error;
    }
  }

  async close(): Promise<void> {
    await this.#worker.close();
  }
}

const BACKGROUND_TRIES = 3;

const EBUSY = 16;
const EEXIST = 17;

function reasonOf(errno: number): string {
  if (errno === EBUSY) return 'somebody still has it mounted';
  if (errno === EEXIST) return 'something still stands on it';
  return `OpenZFS refuses it with errno ${errno}`;
}

const atLeastZero = (count: bigint) => (count < 0n ? 0n : count);
