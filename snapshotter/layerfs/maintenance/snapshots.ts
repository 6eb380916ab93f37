import { failedPrecondition } from '../../../common/errors.ts';
import type { SnapshotInfo } from '../../stores/store.ts';
import { findLayer } from '../find-layer.ts';
import { quote } from '../layer-graph.ts';
import type { Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';
import { labelsByHand } from './labels-by-hand.ts';
import { snapshotsOf } from './stores-ability.ts';

/** Named states of containers' file systems, on a store that has them. */
export class Snapshots {
  readonly #layerFs: LayerFs;

  constructor(layerFs: LayerFs) {
    this.#layerFs = layerFs;
  }

  list(name: string): Promise<SnapshotInfo[]> {
    return this.#withActive(name, (layer) => snapshotsOf(this.#layerFs.store).list(layer));
  }

  create(name: string, snapshot: string): Promise<void> {
    return this.#withActive(name, (layer) => snapshotsOf(this.#layerFs.store).create(layer, snapshot));
  }

  delete(name: string, snapshot: string): Promise<void> {
    return this.#withActive(name, async (layer) => {
      const snapshots = snapshotsOf(this.#layerFs.store);
      this.#refuseClones(
        snapshot,
        (await snapshots.list(layer)).filter((each) => each.name === snapshot),
      );
      await snapshots.delete(layer, snapshot);
    });
  }

  /** @returns the later snapshots, which go, or would go. */
  rollback(name: string, snapshot: string, dryRun: boolean): Promise<{ name: string; destroyed: string[] }> {
    return this.#withActive(name, async (layer) => {
      const snapshots = snapshotsOf(this.#layerFs.store);
      const all = await snapshots.list(layer);
      const later = all.slice(all.findIndex((each) => each.name === snapshot) + 1);
      const isThere = later.length < all.length;
      if (isThere) this.#refuseClones(snapshot, later);
      // Of one that is not there the store knows what to say.
      if (!dryRun || !isThere) await snapshots.rollback(layer, snapshot);
      return { name: layer.name, destroyed: later.map((each) => each.name) };
    });
  }

  clone(name: string, newKey: string, snapshot: string | undefined): Promise<Layer> {
    return this.#withActive(name, (layer) => {
      const { graph } = this.#layerFs;
      const parent = layer.parent === undefined ? undefined : graph.getById(layer.parent);
      const made = { kind: 'active', name: newKey, parent, labels: labelsByHand(layer.labels, 'clone') } as const;
      const snapshots = snapshotsOf(this.#layerFs.store);
      return this.#layerFs.make(made, (target) => snapshots.clone(layer, snapshot, target));
    });
  }

  /** @returns the name of the layer that it was a clone of. */
  promote(name: string): Promise<string> {
    return this.#withActive(name, async (layer) => {
      const id = await snapshotsOf(this.#layerFs.store).promote(layer);
      return this.#layerFs.graph.getById(id)?.name ?? id;
    });
  }

  /** In order with the other calls for this layer. */
  #withActive<T>(text: string, task: (layer: Layer) => Promise<T>): Promise<T> {
    const { graph, queues, store } = this.#layerFs;
    const { name } = findLayer(graph, text);
    snapshotsOf(store);
    return queues.run(name, () => {
      const layer = graph.get(name);
      if (layer.kind === 'active') return task(layer);
      const how = layer.kind === 'view' ? 'is a view, which shows' : 'is committed:';
      throw failedPrecondition(
        `${quote(name)} ${how} what never changes; only a container's own file system, an active layer, has snapshots`,
      );
    });
  }

  #refuseClones(snapshot: string, those: readonly SnapshotInfo[]): void {
    const clone = those.flatMap(({ clones }) => clones).map((id) => this.#layerFs.graph.getById(id)?.name ?? id)[0];
    if (clone === undefined) return;
    throw failedPrecondition(
      `snapshot ${quote(snapshot)}, or a later one, is what ${quote(clone)} was cloned from: make that independent with ` +
        `\`proxmox-lxcri layerfs promote ${clone}\`, or remove it`,
    );
  }
}
