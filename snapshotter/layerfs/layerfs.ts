import { failedPrecondition } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import type { Store } from '../stores/store.ts';
import { checkName } from './check-name.ts';
import { Clock } from './clock.ts';
import { acceptLabels } from './labels.ts';
import { described, quote, type LayerGraph } from './layer-graph.ts';
import { LayerQueues } from './layer-queues.ts';
import type { Labels, Layer, LayerInfo, LayerKind, Mount, Usage } from './layer.ts';
import { maxBytesOf } from './max-size.ts';
import { OrphanSweeper } from './orphan-sweeper.ts';
import { restoreGraph, type Restored } from './restore-graph.ts';
import { Sweeper } from './sweeper.ts';
import { changeLabels } from './update.ts';

export interface LayerFsOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How much a container's file system may hold unless its label tells. */
  readonly defaultMaxBytes?: bigint | undefined;
}

interface NewLayer {
  readonly key: string;
  /** '' for none. */
  readonly parent: string;
  readonly labels: Labels;
}

/** A layer that comes about in another way than by Prepare, View and Commit. */
export interface MadeLayer {
  readonly kind: LayerKind;
  readonly name: string;
  readonly parent: Layer | undefined;
  readonly labels: Labels;
}

/**
 * The layers of one store, and their rules: what is unique, what stands on what, what may be removed. They are those of
 * containerd's snapshots.Snapshotter (core/snapshots/snapshotter.go), whose test suite they pass.
 */
export class LayerFs {
  readonly store: Store;
  readonly graph: LayerGraph;
  readonly restored: Restored;
  readonly sweeper: Sweeper;
  readonly orphans: OrphanSweeper;
  readonly queues = new LayerQueues();
  /** The ids of layers that come, go or change just now: the graph and the store may tell different things of them. */
  readonly underWay = new Set<string>();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #defaultMaxBytes: bigint | undefined;
  readonly #infos = new WeakMap<Layer, LayerInfo>();
  #lastId: bigint;

  private constructor(store: Store, restored: Restored, lastId: string, options: LayerFsOptions) {
    this.store = store;
    this.restored = restored;
    this.graph = restored.graph;
    this.#lastId = BigInt(lastId);
    this.#clock = options.clock ?? new Clock();
    this.#logger = options.logger;
    this.#defaultMaxBytes = options.defaultMaxBytes;
    this.sweeper = new Sweeper(store, options.logger);
    this.orphans = new OrphanSweeper(store, options.logger, restored.orphans);
  }

  /** Reads back what the store holds, and clears away what interrupted changes left. */
  static async open(store: Store, options: LayerFsOptions): Promise<LayerFs> {
    const scan = await store.scan();
    const layerFs = new LayerFs(store, restoreGraph(scan), scan.lastId, options);
    layerFs.#clearAway();
    return layerFs;
  }

  #clearAway(): void {
    const { superseded, damaged, broken } = this.restored;
    for (const { layer, reason } of broken) {
      this.#logger.error({ layer: layer.id, name: layer.name, reason }, 'a layer cannot be used; see `layerfs fsck`');
    }
    for (const { place, reason } of damaged) {
      this.#logger.error({ place, reason }, 'this may be a layer, and cannot be used; see `layerfs fsck`');
    }
    this.sweeper.add(...superseded);
    void this.orphans.sweep();
  }

  prepare(request: NewLayer): Promise<Mount[]> {
    return this.#create('active', request);
  }

  view(request: NewLayer): Promise<Mount[]> {
    return this.#create('view', request);
  }

  async #create(kind: 'active' | 'view', { key, parent: parentName, labels }: NewLayer): Promise<Mount[]> {
    checkName(key, 'key');
    const maxBytes = kind === 'active' ? maxBytesOf(labels, this.#defaultMaxBytes) : undefined;
    return this.queues.run(key, async () => {
      const parent = parentName === '' ? undefined : this.graph.getParent(parentName);
      const ancestors = parent === undefined ? [] : [parent, ...this.graph.ancestors(parent)];
      const made = { kind, name: key, parent, labels } as const;
      return this.#make(made, async (layer) => {
        await this.store.create(layer, ancestors, maxBytes === undefined ? {} : { maxBytes });
        return this.store.mounts(layer, ancestors);
      });
    });
  }

  /** Makes a layer by `make`; if that fails, what there is of it is destroyed. @throws StatusError AlreadyExists */
  async make(made: MadeLayer, make: (layer: Layer) => Promise<void>): Promise<Layer> {
    checkName(made.name, 'name');
    return this.#make(made, async (layer) => {
      await make(layer);
      return layer;
    });
  }

  async #make<T>({ kind, name, parent, labels }: MadeLayer, make: (layer: Layer) => Promise<T>): Promise<T> {
    const accepted = acceptLabels(labels);
    const reservation = this.graph.reserve(name, parent);
    const layer = this.#newLayer(kind, name, parent, accepted);
    try {
      const result = await make(layer);
      this.graph.add(layer);
      return result;
    } catch (error) {
      // Whether anything was made is not always known.
      this.sweeper.add(layer);
      throw error;
    } finally {
      reservation.drop();
      this.underWay.delete(layer.id);
    }
  }

  /**
   * Later than the time at which a removed layer got this name, though somebody set the clock back: after a fall both may
   * be there, and the later one has the name (restore-graph.ts).
   */
  #nowFor(name: string): bigint {
    const now = this.#clock.now();
    const taken = this.sweeper.lastNamed(name);
    return taken === undefined || taken < now ? now : taken + 1n;
  }

  #newLayer(kind: LayerKind, name: string, parent: Layer | undefined, labels: Labels): Layer {
    const now = this.#nowFor(name);
    const id = (++this.#lastId).toString();
    this.underWay.add(id);
    return {
      id,
      kind,
      name,
      ...(parent && { parent: parent.id }),
      labels,
      createdAt: now,
      updatedAt: now,
    };
  }

  mounts(key: string): Promise<Mount[]> {
    return this.queues.run(key, async () => {
      const layer = this.graph.get(key);
      if (layer.kind === 'committed') {
        throw failedPrecondition(
          `snapshot ${quote(key)} is committed and has no mounts: prepare or view one on top of it`,
        );
      }
      return this.store.mounts(layer, this.graph.ancestors(layer));
    });
  }

  /** Labels and times are new with the commit, as in containerd's own snapshotters. */
  async commit({ key, name, labels }: { key: string; name: string; labels: Labels }): Promise<void> {
    checkName(name, 'name');
    const accepted = acceptLabels(labels);
    await this.queues.run(key, async () => {
      const active = this.graph.get(key);
      if (active.kind !== 'active') {
        throw failedPrecondition(
          `snapshot ${quote(key)} is ${described(active.kind)}: only an active one can be committed`,
        );
      }
      // Its parent has it as a child already.
      const reservation = this.graph.reserve(name, undefined);
      this.underWay.add(active.id);
      try {
        const now = this.#nowFor(name);
        const layer: Layer = {
          ...active,
          kind: 'committed',
          name,
          labels: accepted,
          createdAt: now,
          updatedAt: now,
        };
        await this.store.commit(layer);
        this.graph.replace(layer);
      } finally {
        reservation.drop();
        this.underWay.delete(active.id);
      }
    });
  }

  /** Quick: the space is freed later. */
  remove(name: string): Promise<void> {
    return this.queues.run(name, async () => {
      const layer = this.graph.remove(name);
      this.underWay.add(layer.id);
      // Whatever happens now, containerd holds it for removed, and finds it again in List if it comes back.
      await this.store.discard(layer).catch((error: unknown) => {
        this.#logger.warn({ err: error, layer: layer.id }, 'a removed layer could not be let go of yet');
      });
      this.sweeper.add(layer);
      this.underWay.delete(layer.id);
    });
  }

  stat(name: string): LayerInfo {
    return this.#info(this.graph.get(name));
  }

  list(): LayerInfo[] {
    return this.graph.layers().map((layer) => this.#info(layer));
  }

  /** `paths` as in a field mask; none: all labels. */
  update(name: string, labels: Labels, paths: readonly string[]): Promise<LayerInfo> {
    return this.queues.run(name, async () => {
      const before = this.graph.get(name);
      const layer = { ...before, labels: changeLabels(before.labels, labels, paths), updatedAt: this.#clock.now() };
      this.underWay.add(layer.id);
      try {
        await this.store.update(layer);
        this.graph.replace(layer);
      } finally {
        this.underWay.delete(layer.id);
      }
      return this.#info(layer);
    });
  }

  /** Nobody waits for it: a store may have to look at a million files. */
  async usage(name: string): Promise<Usage> {
    for (;;) {
      const layer = this.graph.get(name);
      const counting = this.store.usage(layer, this.graph.ancestors(layer));
      await counting.catch(() => undefined);
      // What was committed or removed meanwhile was perhaps not all there any more.
      const after = this.graph.getById(layer.id);
      if (after?.kind === layer.kind && after.name === name) return counting;
    }
  }

  /** Destroys what was removed; what is still mounted somewhere is left for later. */
  async cleanup(): Promise<void> {
    await Promise.all([this.sweeper.sweep(), this.orphans.sweep()]);
  }

  async close(): Promise<void> {
    // A store that is closed gives up what takes long: it goes on with the next start.
    await Promise.all([this.sweeper.close(), this.store.close()]);
  }

  /** The same object for as long as nothing of it changes. */
  #info(layer: Layer): LayerInfo {
    const parent = this.graph.parentName(layer);
    const known = this.#infos.get(layer);
    if (known?.parent === parent) return known;
    const { name, kind, labels, createdAt, updatedAt } = layer;
    const info = { name, parent, kind, labels, createdAt, updatedAt };
    this.#infos.set(layer, info);
    return info;
  }
}
