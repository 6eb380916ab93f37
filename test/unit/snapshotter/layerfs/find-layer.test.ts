import test from 'ava';
import { findLayer } from '../../../../snapshotter/layerfs/find-layer.ts';
import { LayerGraph } from '../../../../snapshotter/layerfs/layer-graph.ts';

const DIGEST = `sha256:cd9bf1eb5d08${'0'.repeat(52)}`;
const NAMES = [`default/2/${DIGEST}`, 'default/3/web', 'default/4/web-2', 'other/5/db', 'other/6/dc', 'by-hand'];

const graph = new LayerGraph();
for (const [index, name] of NAMES.entries()) {
  graph.add({ id: String(index + 1), kind: 'committed', name, labels: {}, createdAt: 1n, updatedAt: 1n });
}

const found: readonly (readonly [text: string, name: string])[] = [
  ['default/3/web', 'default/3/web'],
  ['web', 'default/3/web'],
  ['web-', 'default/4/web-2'],
  ['sha256:cd9bf1eb5d08', `default/2/${DIGEST}`],
  ['sha256:cd', `default/2/${DIGEST}`],
  ['default/2/sha256:cd9bf1eb5d08', `default/2/${DIGEST}`],
  ['db', 'other/5/db'],
  ['by-', 'by-hand'],
];

for (const [text, name] of found) {
  test(`${text} is ${name}`, (t) => {
    t.is(findLayer(graph, text).name, name);
  });
}

test('what may be several is refused, with their names', (t) => {
  t.throws(() => findLayer(graph, 'd'), { message: /may be 5 layers: .*"other\/5\/db"/ });
});

test('what is none is refused', (t) => {
  t.throws(() => findLayer(graph, 'nginx'), { message: /"nginx" does not exist/ });
  t.throws(() => findLayer(graph, ''), { message: /empty/ });
});
