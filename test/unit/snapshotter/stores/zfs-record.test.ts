import test from 'ava';
import fc from 'fast-check';
import type { Layer } from '../../../../snapshotter/layerfs/layer.ts';
import {
  decodeRecord,
  encodeRecord,
  RECORD_PROPERTY,
  recordLength,
} from '../../../../snapshotter/stores/zfs/record.ts';

/** zfsprops(7) */
const MAX_VALUE = 8191;

const layers: fc.Arbitrary<Layer> = fc.record(
  {
    id: fc.constant('7'),
    kind: fc.constantFrom('active', 'view', 'committed'),
    name: fc.string({ unit: 'binary', minLength: 1, maxLength: 5000 }),
    parent: fc.stringMatching(/^[1-9]\d{0,5}$/),
    labels: fc.dictionary(
      fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__'),
      fc.string({ unit: 'binary', maxLength: 4000 }),
      { maxKeys: 8, noNullPrototype: true },
    ),
    createdAt: fc.bigInt(0n, 2n ** 63n),
    updatedAt: fc.bigInt(0n, 2n ** 63n),
  },
  { requiredKeys: ['id', 'kind', 'name', 'labels', 'createdAt', 'updatedAt'], noNullPrototype: true },
);

test('a record comes back as it was, in values that zfs takes and prints on a line', (t) => {
  fc.assert(
    fc.property(layers, (layer) => {
      const properties = encodeRecord(RECORD_PROPERTY, layer);
      for (const value of properties.values()) t.regex(value, new RegExp(`^[\\x20-\\x7e]{1,${MAX_VALUE}}$`));
      t.is(recordLength(RECORD_PROPERTY, properties), properties.size);
      t.deepEqual(decodeRecord(RECORD_PROPERTY, '7', properties), layer);
    }),
    { numRuns: 200 },
  );
});

test('two commits differ in the first piece, however long the name and the labels are', (t) => {
  const layer: Layer = {
    id: '7',
    kind: 'committed',
    name: 'ü'.repeat(2000),
    labels: { long: 'x'.repeat(10_000) },
    createdAt: 1n,
    updatedAt: 1n,
  };
  const first = encodeRecord(RECORD_PROPERTY, layer).get(RECORD_PROPERTY);
  const second = encodeRecord(RECORD_PROPERTY, { ...layer, createdAt: 2n, updatedAt: 2n }).get(RECORD_PROPERTY);
  t.not(first, second);
});

test('a record with a piece missing is damaged, and none is none', (t) => {
  const layer: Layer = {
    id: '7',
    kind: 'active',
    name: 'a',
    labels: { l: 'x'.repeat(20_000) },
    createdAt: 1n,
    updatedAt: 1n,
  };
  const properties = new Map(encodeRecord(RECORD_PROPERTY, layer));
  properties.delete(`${RECORD_PROPERTY}.1`);
  t.throws(() => decodeRecord(RECORD_PROPERTY, '7', properties), { message: /incomplete/ });
  t.is(decodeRecord(RECORD_PROPERTY, '7', new Map()), undefined);
});
