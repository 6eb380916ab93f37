import test from 'ava';
import type { Layer, LayerKind } from '../../../../snapshotter/layerfs/layer.ts';
import { restoreGraph } from '../../../../snapshotter/layerfs/restore-graph.ts';

const layer = (id: string, name: string, parent?: string, kind: LayerKind = 'committed', at = BigInt(id)): Layer => ({
  id,
  kind,
  name,
  ...(parent !== undefined && { parent }),
  labels: {},
  createdAt: at,
  updatedAt: at,
});

function restore(...layers: readonly Layer[]) {
  const { graph, superseded, broken } = restoreGraph({ layers, orphans: [], damaged: [], lastId: '99' });
  return {
    kept: graph.layers().map(({ id }) => id),
    gone: superseded.map(({ id }) => id),
    broken: Object.fromEntries(broken.map(({ layer: { id }, reason }) => [id, reason])),
  };
}

test('parents come before children, whatever their ids', (t) => {
  t.deepEqual(restore(layer('2', 'child', '10', 'active'), layer('10', 'parent', '9'), layer('9', 'base')), {
    kept: ['9', '10', '2'],
    gone: [],
    broken: {},
  });
});

test('of two layers of one name the newer wins, and what stood on the older goes with it, first', (t) => {
  const older = [layer('1', 'name'), layer('2', 'on it', '1'), layer('3', 'on that', '2', 'active')];
  t.deepEqual(restore(...older, layer('4', 'name'), layer('5', 'on the new one', '4', 'view')), {
    kept: ['4', '5'],
    gone: ['3', '2', '1'],
    broken: {},
  });
});

test('a name is as old as the commit that gave it', (t) => {
  // Two unpack the same layer: 4 is committed and removed, then 3 is committed.
  t.deepEqual(
    restore(layer('3', 'name', undefined, 'committed', 30n), layer('4', 'name', undefined, 'committed', 20n)),
    {
      kept: ['3'],
      gone: ['4'],
      broken: {},
    },
  );
});

test('ids are compared as numbers', (t) => {
  const ids = ['9', '10', '99999999999999999999', '100000000000000000000'];
  t.deepEqual(restore(...ids.toReversed().map((id) => layer(id, id))).kept, ids);
  t.deepEqual(restore(...ids.map((id) => layer(id, 'name', undefined, 'committed', 1n))).kept, [ids[3]]);
});

test('a chain that is broken is kept and described', (t) => {
  const { kept, gone, broken } = restore(
    layer('1', 'base'),
    layer('2', 'active', '1', 'active'),
    layer('3', 'on an active one', '2'),
    layer('4', 'on a missing one', '44'),
    layer('5', 'on a broken one', '4'),
    layer('6', 'itself', '6'),
    layer('7', 'a', '8'),
    layer('8', 'b', '7'),
  );
  t.deepEqual([kept, gone], [['1', '2'], []]);
  t.deepEqual(Object.keys(broken), ['3', '4', '5', '6', '7', '8']);
  t.regex(broken['3'] ?? '', /parent 2 is missing, or not committed/);
  t.regex(broken['4'] ?? '', /parent 44 is missing/);
  t.regex(broken['5'] ?? '', /chain below/);
  for (const id of ['6', '7', '8']) t.regex(broken[id] ?? '', /cycle/);
});
