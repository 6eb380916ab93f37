import test from 'ava';
import { Code } from '../../../../common/errors.ts';
import { refusalOf } from '../../../support/refusal.ts';
import { overlayBed } from '../support/overlay-bed.ts';

const labels = {};

test('a layer is active, then committed, then a parent', async (t) => {
  const { layerFs } = await overlayBed(t);
  await layerFs.prepare({ key: 'key', parent: '', labels: { a: '1', empty: '' } });
  t.like(layerFs.stat('key'), { name: 'key', parent: '', kind: 'active', labels: { a: '1' } });
  await layerFs.commit({ key: 'key', name: 'name', labels: { b: '2', empty: '' } });
  t.deepEqual(layerFs.stat('name').labels, { b: '2' }, 'a commit replaces labels, and an empty one is none');
  t.is((await refusalOf(Promise.resolve().then(() => layerFs.stat('key')))).code, Code.NotFound);
  await layerFs.prepare({ key: 'child', parent: 'name', labels });
  await layerFs.view({ key: 'view', parent: 'name', labels });
  t.deepEqual(
    layerFs.list().map(({ name, parent, kind }) => [name, parent, kind]),
    [
      ['name', '', 'committed'],
      ['child', 'name', 'active'],
      ['view', 'name', 'view'],
    ],
  );
});

test('labels are as long as containerd lets them be, and no longer', async (t) => {
  const { layerFs } = await overlayBed(t);
  const longest = { k: 'v'.repeat(4095) };
  await layerFs.prepare({ key: 'key', parent: '', labels: longest });
  await layerFs.commit({ key: 'key', name: 'name', labels: longest });
  t.deepEqual(layerFs.stat('name').labels, longest);
  await layerFs.prepare({ key: 'other', parent: 'name', labels });

  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`key-${i}`, 'v'.repeat(4080)]));
  const refused: readonly [Record<string, string>, RegExp][] = [
    [{ k: 'v'.repeat(4096) }, /label "k" has 4097 bytes/],
    [{ ['k'.repeat(5000)]: 'v' }, /label "k{60}"… has 5001 bytes/],
    [{ k: 'ä'.repeat(2048) }, /label "k" has 4097 bytes/],
    [{ '': 'value' }, /"value" has no key/],
    [many, /labels: they have \d+ bytes, 262144 are allowed/],
  ];
  for (const [bad, message] of refused) {
    const calls: readonly (() => Promise<unknown>)[] = [
      () => layerFs.prepare({ key: 'new', parent: '', labels: bad }),
      () => layerFs.view({ key: 'new', parent: '', labels: bad }),
      () => layerFs.commit({ key: 'other', name: 'new', labels: bad }),
      () => layerFs.update('name', bad, []),
      () =>
        layerFs.update(
          'name',
          bad,
          Object.keys(bad).map((key) => `labels.${key}`),
        ),
    ];
    for (const call of calls) {
      const refusal = await refusalOf(Promise.resolve().then(call));
      t.is(refusal.code, Code.InvalidArgument, call.toString());
      if (Object.hasOwn(bad, '')) continue;
      t.regex(refusal.message, message);
    }
  }
  t.deepEqual(layerFs.stat('name').labels, longest);
  t.is(layerFs.stat('other').kind, 'active');
  t.is(layerFs.list().length, 2);
});

test('what is refused, and how', async (t) => {
  const { layerFs } = await overlayBed(t);
  await layerFs.prepare({ key: 'active', parent: '', labels });
  await layerFs.prepare({ key: 'a', parent: '', labels });
  await layerFs.commit({ key: 'a', name: 'layer', labels });
  await layerFs.view({ key: 'view', parent: 'layer', labels });
  const { AlreadyExists, NotFound, FailedPrecondition, InvalidArgument } = Code;
  const calls: readonly [Code, () => Promise<unknown>][] = [
    [AlreadyExists, () => layerFs.prepare({ key: 'active', parent: '', labels })],
    [AlreadyExists, () => layerFs.view({ key: 'layer', parent: '', labels })],
    [AlreadyExists, () => layerFs.commit({ key: 'active', name: 'layer', labels })],
    [AlreadyExists, () => layerFs.commit({ key: 'active', name: 'active', labels })],
    [NotFound, () => layerFs.prepare({ key: 'new', parent: 'missing', labels })],
    [NotFound, () => layerFs.commit({ key: 'missing', name: 'new', labels })],
    [NotFound, () => layerFs.remove('missing')],
    [NotFound, () => layerFs.mounts('missing')],
    [NotFound, () => layerFs.usage('missing')],
    [NotFound, () => layerFs.update('missing', {}, [])],
    [InvalidArgument, () => layerFs.prepare({ key: 'new', parent: 'active', labels })],
    [InvalidArgument, () => layerFs.view({ key: 'new', parent: 'view', labels })],
    [InvalidArgument, () => layerFs.prepare({ key: '', parent: '', labels })],
    [InvalidArgument, () => layerFs.prepare({ key: 'a\0b', parent: '', labels })],
    [InvalidArgument, () => layerFs.prepare({ key: 'x'.repeat(4097), parent: '', labels })],
    [InvalidArgument, () => layerFs.update('layer', {}, ['parent'])],
    [InvalidArgument, () => layerFs.update('layer', { '': 'x' }, ['labels.'])],
    [FailedPrecondition, () => layerFs.commit({ key: 'layer', name: 'new', labels })],
    [FailedPrecondition, () => layerFs.commit({ key: 'view', name: 'new', labels })],
    [FailedPrecondition, () => layerFs.mounts('layer')],
    [FailedPrecondition, () => layerFs.remove('layer')],
  ];
  for (const [code, call] of calls) t.is((await refusalOf(call())).code, code, call.toString());
  t.regex((await refusalOf(layerFs.remove('layer'))).message, /remove/);
  t.is(layerFs.list().length, 3);
});

test('a size cannot be kept, and that is said', async (t) => {
  const { layerFs } = await overlayBed(t);
  const label = 'containerd.io/snapshot/max-size';
  const refusal = await refusalOf(layerFs.prepare({ key: 'key', parent: '', labels: { [label]: '1G' } }));
  t.is(refusal.code, Code.FailedPrecondition);
  t.true(refusal.message.includes(label) && refusal.message.includes('zfs store'), refusal.message);
  // Nothing of it is left in the way.
  await layerFs.prepare({ key: 'key', parent: '', labels });
});

test('an update changes what its mask names', async (t) => {
  const { layerFs } = await overlayBed(t);
  await layerFs.prepare({ key: 'key', parent: '', labels: { a: '1', b: '2' } });
  const { createdAt } = layerFs.stat('key');
  t.deepEqual((await layerFs.update('key', { a: '3' }, ['labels.a'])).labels, { a: '3', b: '2' });
  t.deepEqual((await layerFs.update('key', { a: '' }, ['labels.a'])).labels, { b: '2' });
  t.deepEqual((await layerFs.update('key', {}, ['labels.b', 'labels.constructor'])).labels, {});
  t.deepEqual((await layerFs.update('key', { c: '4' }, ['labels'])).labels, { c: '4' });
  t.deepEqual((await layerFs.update('key', { d: '5' }, [])).labels, { d: '5' });
  t.is(layerFs.stat('key').createdAt, createdAt);
  t.true(layerFs.stat('key').updatedAt > createdAt);
});

test('a hundred children at once, each with a time of its own', async (t) => {
  const { layerFs } = await overlayBed(t);
  await layerFs.prepare({ key: 'a', parent: '', labels });
  await layerFs.commit({ key: 'a', name: 'parent', labels });
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i.toString()}`);
  const mounts = await Promise.all(keys.map((key) => layerFs.prepare({ key, parent: 'parent', labels })));
  t.is(new Set(mounts.map((each) => JSON.stringify(each))).size, keys.length);
  t.is(new Set(layerFs.list().map(({ createdAt }) => createdAt)).size, keys.length + 1);
  await Promise.all(keys.map((key) => layerFs.remove(key)));
  await layerFs.remove('parent');
  t.deepEqual(layerFs.list(), []);
});

test('of two calls for one key one wins', async (t) => {
  const { layerFs } = await overlayBed(t);
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      (i % 2 === 0
        ? layerFs.prepare({ key: 'key', parent: '', labels })
        : layerFs.view({ key: 'key', parent: '', labels })
      ).then(
        () => Code.OK,
        (error: unknown) => (error as { code: Code }).code,
      ),
    ),
  );
  t.deepEqual(results.toSorted(), [Code.OK, ...Array.from({ length: 9 }, () => Code.AlreadyExists)]);
});

test('of two commits to one name one wins', async (t) => {
  const { layerFs } = await overlayBed(t);
  const keys = ['a', 'b', 'c'];
  for (const key of keys) await layerFs.prepare({ key, parent: '', labels });
  const results = await Promise.allSettled(keys.map((key) => layerFs.commit({ key, name: 'name', labels })));
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  t.is(layerFs.list().length, 3);
});

test('a parent stays while a child is being made', async (t) => {
  const { layerFs } = await overlayBed(t);
  await layerFs.prepare({ key: 'a', parent: '', labels });
  await layerFs.commit({ key: 'a', name: 'parent', labels });
  const [made, removed] = await Promise.allSettled([
    layerFs.prepare({ key: 'child', parent: 'parent', labels }),
    layerFs.remove('parent'),
  ]);
  t.is(made.status === 'fulfilled', removed.status === 'rejected');
  if (made.status === 'fulfilled') await layerFs.remove('child');
  if (removed.status === 'rejected') await layerFs.remove('parent');
  t.deepEqual(layerFs.list(), []);
});

test('a name is free at once, and all is there after a restart', async (t) => {
  const bed = await overlayBed(t);
  for (let i = 0; i < 3; i++) {
    await bed.layerFs.prepare({ key: 'key / with #', parent: '', labels: { round: `${i.toString()}\n"` } });
    if (i < 2) await bed.layerFs.remove('key / with #');
  }
  await bed.layerFs.view({
    key: 'view',
    parent: '',
    labels: JSON.parse('{"__proto__": "own"}') as Record<string, string>,
  });
  const before = bed.layerFs.list();
  await bed.reopen();
  t.deepEqual(bed.layerFs.list(), before);
  t.is(before[0]?.labels['round'], '2\n"');
  t.deepEqual(bed.layerFs.restored.damaged, []);
});

test('nobody waits for usage', async (t) => {
  const { layerFs } = await overlayBed(t);
  await layerFs.prepare({ key: 'key', parent: '', labels });
  const { promise, resolve } = withResolvers();
  const usage = layerFs.store.usage.bind(layerFs.store);
  layerFs.store.usage = async (...args) => {
    await promise;
    return usage(...args);
  };
  const counted = layerFs.usage('key');
  const lost = layerFs.usage('key');
  await layerFs.commit({ key: 'key', name: 'name', labels });
  resolve();
  t.is((await refusalOf(counted)).code, Code.NotFound, 'that key is gone');
  t.is((await refusalOf(lost)).code, Code.NotFound);
  t.deepEqual(await layerFs.usage('name'), { bytes: 4096n, inodes: 1n });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
