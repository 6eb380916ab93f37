import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { EventJournal } from '../../../shim/events/event-journal.ts';
import { tempDir } from '../support/temp-dir.ts';
import { entryOf } from './support.ts';

test('what was added is read back in order, and what was sent is known by name only', async (t) => {
  const journal = new EventJournal(path.join(await tempDir(t), 'default', 'hello@1'));
  const [create, start, exit] = [entryOf(1, 'create'), entryOf(2, 'start'), entryOf(3, 'exit')];
  for (const entry of [create, start, exit]) await journal.add(entry);
  await journal.markSent(create);
  const { pending, names, last } = await journal.read();
  t.deepEqual(pending, [start, exit]);
  t.deepEqual([...names].sort(), ['create', 'exit', 'start']);
  t.is(last, 3);
});

test('a journal that is not there is empty', async (t) => {
  const journal = new EventJournal(path.join(await tempDir(t), 'default', 'hello@1'));
  t.deepEqual(await journal.read(), { pending: [], names: new Set(), last: 0 });
});

test('the order is that of the numbers, however many there are', async (t) => {
  const journal = new EventJournal(await tempDir(t));
  const numbers = [1, 2, 9, 10, 11, 99, 100, 1000, 12345];
  for (const number of [...numbers].reverse()) await journal.add(entryOf(number, 'exec-added'));
  const { pending, names, last } = await journal.read();
  t.deepEqual(
    pending.map(({ number }) => number),
    numbers,
  );
  t.deepEqual([...names], ['exec-added']);
  t.is(last, 12345);
});

test('an event survives the disk to the byte', async (t) => {
  const journal = new EventJournal(await tempDir(t));
  const target = fc.record({ ttrpc: fc.string(), grpc: fc.string(), binary: fc.string() });
  const event = fc.record({
    topic: fc.constantFrom('/tasks/create', '/tasks/exec-added', '/tasks/oom'),
    typeUrl: fc.string(),
    value: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    timestamp: fc.record({ seconds: fc.bigInt({ min: -62135596800n, max: 2n ** 62n }), nanos: fc.nat(999_999_999) }),
  });
  await fc.assert(
    fc.asyncProperty(target, event, fc.integer({ min: 1, max: 10_000_000 }), async (to, what, number) => {
      const entry = { number, target: to, event: what };
      await journal.add(entry);
      const { pending } = await journal.read();
      t.deepEqual(pending, [entry]);
      await journal.markSent(entry);
      t.deepEqual((await journal.read()).pending, []);
      await journal.remove();
    }),
    { numRuns: 50 },
  );
});

test('a write that a crash interrupted is as if it had not begun', async (t) => {
  const directory = await tempDir(t);
  const journal = new EventJournal(directory);
  await journal.add(entryOf(1, 'create'));
  await writeFile(path.join(directory, '00000002-start.pending.new'), '{"number":2,"tar');
  await writeFile(path.join(directory, 'README'), 'not an event');
  const { pending, names, last } = await journal.read();
  t.deepEqual(
    pending.map(({ number }) => number),
    [1],
  );
  t.deepEqual([...names], ['create']);
  t.is(last, 1);
  // And the same event, added again, takes its place.
  await journal.add(entryOf(2, 'start'));
  t.is((await journal.read()).pending.length, 2);
});

test('a file that is no event is left out and harms no other', async (t) => {
  const directory = await tempDir(t);
  const journal = new EventJournal(directory);
  await journal.add(entryOf(1, 'create'));
  await writeFile(path.join(directory, '00000002-start.pending'), '{"number":2,"tar');
  await writeFile(path.join(directory, '00000003-exit.pending'), '');
  await journal.add(entryOf(4, 'delete'));
  const { pending, names, last } = await journal.read();
  t.deepEqual(
    pending.map(({ number }) => number),
    [1, 4],
  );
  // It may have been sent: it is not to be made again.
  t.true(names.has('start') && names.has('exit'));
  t.is(last, 4);
});

test('the last journal of a namespace takes its directory with it', async (t) => {
  const root = await tempDir(t);
  const [one, other] = ['hello@1', 'hello@2'].map((name) => new EventJournal(path.join(root, 'default', name)));
  await one?.add(entryOf(1, 'create'));
  await other?.add(entryOf(1, 'create'));
  await one?.remove();
  t.deepEqual(await readdir(path.join(root, 'default')), ['hello@2']);
  await other?.remove();
  t.deepEqual(await readdir(root), []);
  // Again, and where there never was one.
  await other?.remove();
  await new EventJournal(path.join(root, 'never', 'was')).remove();
});

test('a journal can be begun anew after it was removed', async (t) => {
  const journal = new EventJournal(path.join(await tempDir(t), 'default', 'hello@1'));
  await journal.add(entryOf(1, 'create'));
  await journal.remove();
  await journal.add(entryOf(1, 'create'));
  t.is((await journal.read()).pending.length, 1);
});

test('a disk that takes nothing is an error of the one who adds', async (t) => {
  const root = await tempDir(t);
  await writeFile(path.join(root, 'file'), '');
  await t.throwsAsync(new EventJournal(path.join(root, 'file', 'journal')).add(entryOf(1, 'create')), {
    code: 'ENOTDIR',
  });
  // A directory where the event's file should be.
  const directory = path.join(root, 'journal');
  await mkdir(path.join(directory, '00000001-create.pending'), { recursive: true });
  await t.throwsAsync(new EventJournal(directory).add(entryOf(1, 'create')), { code: 'EISDIR' });
});
