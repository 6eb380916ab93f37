import { mkdir, rm, stat } from 'node:fs/promises';
import { writeDurableFile } from '../../../common/durable-file.ts';
import { Code, failedPrecondition, StatusError } from '../../../common/errors.ts';
import { hasErrorCode } from '../../../common/files.ts';
import type { Logger } from '../../../common/logger.ts';
import { mapBounded } from '../../../common/map-bounded.ts';
import type { Layer, Mount, Usage } from '../../layerfs/layer.ts';
import { MAX_SIZE_LABEL } from '../../layerfs/max-size.ts';
import { idMapOptions } from '../id-map.ts';
import type {
  AncestorsOf,
  CreateOptions,
  Inspection,
  Orphan,
  Scan,
  Space,
  Store,
  TotalSpace,
  Undestroyed,
  Work,
} from '../store.ts';
import type { Worker } from '../worker.ts';
import { CommittedUsage } from './committed-usage.ts';
import { destroyDirectories, destroyLayers, markRemoved } from './destroy-layers.ts';
import { diskUsage } from './disk-usage.ts';
import { fileError } from './file-error.ts';
import { flatten } from './flatten.ts';
import { inspectDirectory } from './inspect.ts';
import { LayerPaths } from './layer-paths.ts';
import { layerSpace, totalSpace } from './layer-space.ts';
import { layersInUse } from './layers-in-use.ts';
import { makeLayer } from './make-layer.ts';
import { mappedOwner } from './mapped-owner.ts';
import { MergedMounts } from './merged-mounts.ts';
import { isOverlay, planMounts } from './mount-plan.ts';
import { detectSupport, type OverlaySupport } from './overlay-support.ts';
import { readTree } from './read-layer.ts';
import { encodeRecord } from './record.ts';
import { scanDirectory } from './scan-directory.ts';

export interface OverlayStoreOptions {
  /** The daemon's directory, on a file system that overlayfs can write to. */
  readonly root: string;
  /** Its verbs `sync` and `copy-attributes` are all that is needed of it; closed with the store. */
  readonly worker: Pick<Worker, 'request' | 'close'>;
  readonly logger: Logger;
}

const PARALLEL = 16;

/**
 * Layers as directories, stacked by the kernel's overlayfs, for machines without ZFS. Each directory has its own record
 * beside its content (layer-paths.ts): there is no database that could tell otherwise.
 */
export class OverlayStore implements Store {
  readonly kind = 'overlay';
  readonly location: string;
  readonly #paths: LayerPaths;
  readonly #worker: OverlayStoreOptions['worker'];
  readonly #logger: Logger;
  readonly #support: OverlaySupport;
  readonly #usage: CommittedUsage;
  readonly #merged: MergedMounts;
  readonly #closing = new AbortController();

  private constructor({ root, worker, logger }: OverlayStoreOptions, support: OverlaySupport) {
    this.location = root;
    this.#paths = new LayerPaths(root);
    this.#worker = worker;
    this.#logger = logger;
    this.#support = support;
    this.#usage = new CommittedUsage(this.#paths);
    this.#merged = new MergedMounts(this.#paths, support.options, worker);
  }

  /** @throws StatusError */
  static async open(options: OverlayStoreOptions): Promise<OverlayStore> {
    const { root } = options;
    try {
      // Nobody but root reaches the layers, and thus no set-user-ID programs in them.
      await mkdir(new LayerPaths(root).snapshots, { recursive: true, mode: 0o700 });
      return new OverlayStore(options, await detectSupport(root));
    } catch (error) {
      throw fileError(error, root);
    }
  }

  scan(): Promise<Scan> {
    return this.#translate(() => scanDirectory(this.#paths.snapshots));
  }

  create(layer: Layer, ancestors: readonly Layer[], { maxBytes }: CreateOptions): Promise<void> {
    return this.#translate(async () => {
      if (maxBytes !== undefined) {
        throw failedPrecondition(
          `label ${MAX_SIZE_LABEL}, or --default-size: the overlay store cannot limit a layer to ${maxBytes} bytes; ` +
            'use the zfs store, or leave it out',
        );
      }
      const idMap = idMapOptions(layer.labels, this.#support.idMapRefusal);
      const owner = idMap.length > 0 && isOverlay(layer, ancestors) ? mappedOwner(layer.labels) : undefined;
      await makeLayer(this.#paths, layer, {
        owner,
        copyAttributes: (from, to) => this.#ask('copy-attributes', from, to),
      });
    });
  }

  commit(layer: Layer): Promise<void> {
    const { id } = layer;
    return this.#translate(async () => {
      await this.#ask('sync', this.#paths.content(id));
      await this.#writeRecord(layer);
      await this.#removeWork(id).catch((error: unknown) => {
        this.#logger.warn({ err: error, layer: id }, 'the work directory of a committed layer is left');
      });
    });
  }

  /** Whoever still has it mounted could no longer write to it. */
  async #removeWork(id: string): Promise<void> {
    const inUse = await layersInUse(this.#paths.snapshots);
    if (!inUse.has(id)) await rm(this.#paths.work(id), { recursive: true, force: true });
  }

  update(layer: Layer): Promise<void> {
    return this.#translate(() => this.#writeRecord(layer));
  }

  #writeRecord(layer: Layer): Promise<void> {
    return writeDurableFile(this.#paths.record(layer.id), encodeRecord(layer));
  }

  mounts(layer: Layer, ancestors: readonly Layer[]): Promise<Mount[]> {
    return this.#translate(async () => {
      const idMap = idMapOptions(layer.labels, this.#support.idMapRefusal);
      const mounts = planMounts(this.#paths, layer, ancestors, { idMap, overlay: this.#support.options });
      const own = layer.kind === 'active' || ancestors.length === 0 ? [this.#paths.content(layer.id)] : [];
      if (layer.kind === 'active') own.push(this.#paths.work(layer.id));
      await this.#checkDirectories([...own, ...ancestors.map(({ id }) => this.#paths.content(id))]);
      return mounts;
    });
  }

  /** Else the mount fails with no word of what is missing. */
  async #checkDirectories(directories: readonly string[]): Promise<void> {
    await mapBounded(directories, PARALLEL, async (directory) => {
      try {
        if ((await stat(directory)).isDirectory()) return;
      } catch (error) {
        if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR')) throw error;
      }
      throw lost(directory);
    });
  }

  usage({ id, kind }: Layer): Promise<Usage> {
    return this.#translate(async () => {
      if (kind === 'view') return { bytes: 0n, inodes: 0n };
      try {
        return await (kind === 'committed' ? this.#usage.get(id) : diskUsage(this.#paths.content(id)));
      } catch (error) {
        throw hasErrorCode(error, 'ENOENT') ? lost(this.#paths.content(id)) : error;
      }
    });
  }

  discard({ id }: Layer): Promise<void> {
    return this.#translate(async () => {
      const failed = await markRemoved(this.#paths, [id]);
      if (failed.has(id)) throw failed.get(id);
    });
  }

  destroy(layers: readonly Layer[]): Promise<Undestroyed[]> {
    const ids = layers.map(({ id }) => id);
    for (const id of ids) this.#usage.forget(id);
    return this.#translate(() => destroyLayers(this.#paths, ids, this.#closing.signal));
  }

  destroyOrphans(orphans: readonly Orphan[]): Promise<Undestroyed[]> {
    return this.#translate(async () => {
      const ids = new Set(orphans.map(({ id }) => id));
      for (const { id, point } of await this.#merged.left()) if (ids.has(id)) await this.#merged.release(point);
      return destroyDirectories(this.#paths, orphans, this.#closing.signal);
    });
  }

  place({ id }: Layer): string {
    return this.#paths.directory(id);
  }

  space(layers: readonly Layer[], ancestors: AncestorsOf): Promise<ReadonlyMap<string, Space>> {
    return this.#translate(() => layerSpace(this.#paths, this.#usage, layers, ancestors));
  }

  totalSpace(): Promise<TotalSpace> {
    return this.#translate(async () => {
      const { layers } = await scanDirectory(this.#paths.snapshots);
      return totalSpace(this.#paths, (await this.space(layers, () => [])).values());
    });
  }

  inspect(): Promise<Inspection> {
    return this.#translate(() => inspectDirectory(this.#paths, this.#merged));
  }

  verify({ id, kind }: Layer, work: Work): Promise<void> {
    return this.#translate(async () => {
      if (kind !== 'view') await readTree(this.#paths.content(id), work);
    });
  }

  flatten(layer: Layer, ancestors: readonly Layer[], target: Layer, work: Work): Promise<void> {
    const options = { paths: this.#paths, merged: this.#merged, sync: (path: string) => this.#ask('sync', path) };
    return this.#translate(() => flatten(options, [layer, ...ancestors], target, work));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#worker.close();
  }

  async #ask(verb: string, ...args: readonly string[]): Promise<void> {
    await this.#worker.request(verb, ...args);
  }

  async #translate<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw fileError(error, this.location);
    }
  }
}

const lost = (directory: string) =>
  new StatusError(
    Code.DataLoss,
    `${directory} is missing: the layer was destroyed by other means than containerd; remove what uses it, and pull its image again`,
  );
