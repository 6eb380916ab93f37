import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import fc from 'fast-check';
import type { Layer } from '../../../../../snapshotter/layerfs/layer.ts';
import { decodeRecord, encodeRecord } from '../../../../../snapshotter/stores/overlay/record.ts';
import { overlayBed } from '../../support/overlay-bed.ts';

const labels = {};

test('data whose record is damaged, and what is not ours, is kept and told of', async (t) => {
  const bed = await overlayBed(t);
  const at = (name: string) => `${bed.snapshots}/${name}`;
  for (const key of ['good', 'empty', 'missing', 'version', 'child'])
    await bed.layerFs.prepare({ key, parent: '', labels });
  await writeFile(at('2/record.json'), '');
  await rm(at('3/record.json'));
  const record = await readFile(at('4/record.json'), 'utf8');
  await writeFile(at('4/record.json'), record.replace('"v":1', '"v":2'));
  await cp(at('1'), at('70'), { recursive: true });
  for (const name of ['lost+found', '007', '8x', 'removed-']) await mkdir(at(name));
  await writeFile(at('9'), 'a file');
  await mkdir(at('new-80/fs'), { recursive: true });
  await mkdir(at('removed-81/fs'), { recursive: true });
  await bed.reopen();
  await bed.layerFs.cleanup();
  t.deepEqual(
    bed.layerFs.list().map(({ name }) => name),
    ['good', 'child'],
  );
  const damaged = new Map(bed.layerFs.restored.damaged.map(({ place, reason }) => [place, reason]));
  const kept = ['2', '3', '4', '70', 'lost+found', '007', '8x', 'removed-', '9'];
  t.deepEqual([...damaged.keys()].toSorted(), kept.map(at).toSorted());
  t.regex(damaged.get(at('70')) ?? '', /that of layer 1: was the directory copied/);
  t.deepEqual((await readdir(bed.snapshots)).toSorted(), [...kept, '1', '5'].toSorted());
  // No id is given again of which anything is left, or was at the start.
  const [mount] = await bed.layerFs.prepare({ key: 'next', parent: '', labels });
  t.is(mount?.source, at('82/fs'));
});

test('a record is what it was, whatever is in it', (t) => {
  const digits = fc.bigInt(1n, 10n ** 29n).map(String);
  const layers: fc.Arbitrary<Layer> = fc
    .record({
      id: digits,
      kind: fc.constantFrom('active', 'view', 'committed'),
      name: fc.string({ unit: 'binary' }),
      parent: fc.option(digits, { nil: undefined }),
      labels: fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
      createdAt: fc.bigInt(0n, 2n ** 63n),
      updatedAt: fc.bigInt(0n, 2n ** 63n),
    })
    .map(({ parent, ...rest }) => ({ ...rest, ...(parent !== undefined && { parent }), labels: { ...rest.labels } }));
  fc.assert(fc.property(layers, (layer) => t.deepEqual(decodeRecord(layer.id, encodeRecord(layer)), layer)));
});

test('no other text is a record, and none is half of one', (t) => {
  const layer: Layer = {
    id: '5',
    kind: 'view',
    name: 'n',
    parent: '4',
    labels: { a: 'b' },
    createdAt: 1n,
    updatedAt: 2n,
  };
  const text = encodeRecord(layer);
  for (let i = 0; i < text.length - 1; i++) t.throws(() => decodeRecord('5', text.slice(0, i)));
  for (const [from, to] of [
    ['"5"', '5'],
    ['view', 'other'],
    ['"4"', '"x"'],
    ['{"a":"b"}', '["b"]'],
    ['"b"', '1'],
    ['"2"', '"-2"'],
  ] as const) {
    t.throws(() => decodeRecord('5', text.replace(from, to)), undefined, to);
  }
  fc.assert(fc.property(fc.json(), (json) => void t.throws(() => decodeRecord('5', json))));
});
