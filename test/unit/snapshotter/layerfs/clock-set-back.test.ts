import test from 'ava';
import { Clock } from '../../../../snapshotter/layerfs/clock.ts';
import type { Layer } from '../../../../snapshotter/layerfs/layer.ts';
import { LayerFs } from '../../../../snapshotter/layerfs/layerfs.ts';
import { restoreGraph } from '../../../../snapshotter/layerfs/restore-graph.ts';
import type { Scan, Store } from '../../../../snapshotter/stores/store.ts';
import { silent } from '../support/overlay-bed.ts';

/** Keeps what is removed, as one does in which somebody still has it mounted. */
class KeepingStore {
  readonly layers = new Map<string, Layer>();

  scan(): Promise<Scan> {
    return Promise.resolve({ layers: [...this.layers.values()], orphans: [], damaged: [], lastId: '0' });
  }

  create(layer: Layer): Promise<void> {
    this.layers.set(layer.id, layer);
    return Promise.resolve();
  }

  commit(layer: Layer): Promise<void> {
    return this.create(layer);
  }

  mounts(): Promise<[]> {
    return Promise.resolve([]);
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }

  destroy(layers: readonly Layer[]): Promise<{ id: string; reason: string }[]> {
    return Promise.resolve(layers.map(({ id }) => ({ id, reason: 'busy' })));
  }
}

test('a name that was given anew has the later time, though the clock was set back', async (t) => {
  let wall = 1_700_000_000_000;
  const clock = new Clock(
    () => wall,
    () => process.hrtime.bigint(),
  );
  const store = new KeepingStore();
  const layerFs = await LayerFs.open(store as unknown as Store, { logger: silent, clock });
  const make = async () => {
    await layerFs.prepare({ key: 'key', parent: '', labels: {} });
    await layerFs.commit({ key: 'key', name: 'name', labels: {} });
  };
  await make();
  await layerFs.remove('name');
  wall -= 3_600_000;
  await make();
  const { graph, superseded } = restoreGraph(await store.scan());
  t.is(graph.get('name').id, '2');
  t.deepEqual(
    superseded.map(({ id }) => id),
    ['1'],
  );
});
