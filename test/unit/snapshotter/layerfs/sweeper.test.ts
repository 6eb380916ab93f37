import test from 'ava';
import { Sweeper } from '../../../../snapshotter/layerfs/sweeper.ts';
import type { Layer } from '../../../../snapshotter/layerfs/layer.ts';
import type { Store, Undestroyed } from '../../../../snapshotter/stores/store.ts';
import { silent } from '../support/overlay-bed.ts';

const layer = (id: string): Layer => ({ id, kind: 'active', name: id, labels: {}, createdAt: 0n, updatedAt: 0n });

function sweeperOver(destroy: (ids: readonly string[]) => Promise<Undestroyed[]> | Undestroyed[]): Sweeper {
  const store = { destroy: async (layers: readonly Layer[]) => destroy(layers.map(({ id }) => id)) };
  return new Sweeper(store as unknown as Store, silent);
}

test('layers that are removed together are destroyed together, children first', async (t) => {
  const batches: (readonly string[])[] = [];
  const sweeper = sweeperOver((ids) => (batches.push(ids), []));
  for (const id of ['3', '2', '1']) sweeper.add(layer(id));
  await sweeper.sweep();
  t.deepEqual(batches, [['3', '2', '1']]);
  t.deepEqual(sweeper.waiting, []);
});

test('what comes while another is destroyed does not wait for the next try', async (t) => {
  const batches: (readonly string[])[] = [];
  const sweeper: Sweeper = sweeperOver((ids) => {
    batches.push(ids);
    if (batches.length === 1) sweeper.add(layer('2'));
    return [];
  });
  sweeper.add(layer('1'));
  await sweeper.sweep();
  t.deepEqual(batches, [['1'], ['2']]);
});

test('what is in use stays, with the reason, and is tried again', async (t) => {
  let busy = true;
  const sweeper = sweeperOver((ids) => (busy ? ids.map((id) => ({ id, reason: 'mounted' })) : []));
  sweeper.add(layer('1'));
  t.deepEqual(await sweeper.sweep(), [{ id: '1', reason: 'mounted' }]);
  t.like(sweeper.waiting[0], { reason: 'mounted' });
  busy = false;
  t.deepEqual(await sweeper.sweep(), []);
  t.deepEqual(sweeper.waiting, []);
});

test('a store that fails loses nothing', async (t) => {
  let tries = 0;
  const sweeper = sweeperOver(() => {
    if (++tries === 1) throw new Error('the disk is away');
    return [];
  });
  sweeper.add(layer('1'));
  await sweeper.sweep();
  if (tries === 1) await sweeper.sweep();
  t.deepEqual(sweeper.waiting, []);
  await sweeper.close();
});
