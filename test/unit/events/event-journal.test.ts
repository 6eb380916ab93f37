import { appendFile, mkdir, readFile, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { EventJournal, type JournalEntry } from '../../../shim/events/event-journal.ts';
import { tempDir } from '../support/temp-dir.ts';
import { entryOf } from './support.ts';

function journalAt(t: ExecutionContext, file: string): EventJournal {
  const journal = new EventJournal(file);
  t.teardown(() => journal.close());
  return journal;
}

test('what was added is read back in order, and what was sent is known by name only', async (t) => {
  const journal = journalAt(t, path.join(await tempDir(t), 'default', 'hello@1'));
  const [create, start, exit] = [entryOf(1, 'create'), entryOf(2, 'start'), entryOf(3, 'exit')];
  for (const entry of [create, start, exit]) await journal.add(entry);
  await journal.markSent(create);
  const { pending, names, last } = await journal.read();
  t.deepEqual(pending, [start, exit]);
  t.deepEqual([...names].sort(), ['create', 'exit', 'start']);
  t.is(last, 3);
});

test('what could not be written comes before what can be', async (t) => {
  const directory = path.join(await tempDir(t), 'default');
  const journal = journalAt(t, path.join(directory, 'hello@1'));
  const [create, start, exit] = [entryOf(1, 'create'), entryOf(2, 'start'), entryOf(3, 'exit')];
  await writeFile(directory, 'in its way');
  await t.throwsAsync(journal.add(create), { code: 'ENOTDIR' });
  await t.throwsAsync(journal.markSent(create), { code: 'ENOTDIR' });
  await t.throwsAsync(journal.add(start), { code: 'ENOTDIR' });
  await rm(directory);
  await journal.add(exit);
  const { pending, names, last } = await journal.read();
  t.deepEqual(pending, [start, exit]);
  t.deepEqual([...names], ['create', 'start', 'exit']);
  t.is(last, 3);
});

test('a journal that is not there is empty', async (t) => {
  const journal = journalAt(t, path.join(await tempDir(t), 'default', 'hello@1'));
  t.deepEqual(await journal.read(), { pending: [], names: new Set(), marks: new Map(), last: 0 });
});

test('the order is that of the numbers, whatever that of the lines', async (t) => {
  const journal = journalAt(t, path.join(await tempDir(t), 'hello@1'));
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
  const journal = journalAt(t, path.join(await tempDir(t), 'hello@1'));
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
    { numRuns: 100 },
  );
});

test('what a crash or a full disk cut short is as if it had not been written, wherever it was cut', async (t) => {
  const file = path.join(await tempDir(t), 'hello@1');
  const whole = journalAt(t, file);
  const entries = [entryOf(1, 'create'), entryOf(2, 'start'), entryOf(3, 'exit')];
  for (const entry of entries) await whole.add(entry);
  await whole.markSent(entryOf(1, 'create'));
  const bytes = await readFile(file);
  for (let length = 0; length <= bytes.length; length += 1) {
    await writeFile(file, bytes.subarray(0, length));
    const { pending, names, last } = await journalAt(t, file).read();
    t.is(names.size, last);
    t.deepEqual(pending, last === 3 && length === bytes.length ? entries.slice(1) : entries.slice(0, last));
    // What follows is whole.
    const next = entryOf(9, 'delete');
    const after = journalAt(t, file);
    await after.add(next);
    t.deepEqual((await after.read()).pending.at(-1), next);
    t.is((await after.read()).pending.length, pending.length + 1);
  }
});

test('lines that are no records are left out and harm no other', async (t) => {
  const file = path.join(await tempDir(t), 'hello@1');
  const journal = journalAt(t, file);
  await journal.add(entryOf(1, 'create'));
  const lines = [
    '5',
    'null',
    '{}',
    '[]',
    '"text"',
    '{"names":7}',
    '{"add":2}',
    '{"add":2,"event":{"value":"","seconds":"x"}}',
  ];
  await appendFile(file, `\n${lines.join('\n')}`);
  await journal.add(entryOf(4, 'delete'));
  const { pending, names, last } = await journal.read();
  t.deepEqual(
    pending.map(({ number }) => number),
    [1, 4],
  );
  t.deepEqual([...names], ['create', 'delete']);
  t.is(last, 4);
});

test('an event that was sent but could never be written is known all the same', async (t) => {
  const journal = journalAt(t, path.join(await tempDir(t), 'hello@1'));
  await journal.add(entryOf(1, 'create'));
  await journal.add(entryOf(3, 'exit'));
  await journal.markSent(entryOf(2, 'start'));
  const { pending, names, last } = await journal.read();
  t.deepEqual(pending, [entryOf(3, 'exit')]);
  t.deepEqual([...names].sort(), ['create', 'exit', 'start']);
  t.is(last, 3);
});

const execEntry = (number: number, name: string, execId: string): JournalEntry => {
  const entry = entryOf(number, name);
  return { ...entry, event: { ...entry.event, execId } };
};

test('execs that come and go leave a journal that stays small, and says the same', async (t) => {
  const file = path.join(await tempDir(t), 'hello@1');
  const journal = journalAt(t, file);
  let number = 0;
  const add = async (name: string, execId?: string) => {
    const entry = execId === undefined ? entryOf((number += 1), name) : execEntry((number += 1), name, execId);
    await journal.add(entry);
    return entry;
  };
  await journal.markSent(await add('create'));
  await add('exec-added', 'stays');
  const owed = [];
  for (let each = 0; each < 2000; each += 1) {
    const [, exit] = [await add('exec-added', `e${each}`), await add('exit', `e${each}`)];
    if (number < 3990) await journal.markSent(exit);
    else owed.push(...[number - 1, number]);
    await journal.forget(`e${each}`, number);
  }
  t.true((await stat(file)).size < 400_000);
  const { pending, names, last } = await journalAt(t, file).read();
  t.deepEqual(
    pending.map((entry) => entry.number),
    owed,
  );
  t.deepEqual([...names].sort(), ['create', 'exec-added@stays']);
  t.is(last, number);
});

test('a journal that cannot be made smaller goes on, and is not tried again at each exec', async (t) => {
  const file = path.join(await tempDir(t), 'hello@1');
  // In the way of the file that is to take its place.
  await mkdir(`${file}.new`);
  const journal = journalAt(t, file);
  const text = 'x'.repeat(1000);
  for (let number = 1; number <= 400; number += 1) {
    const entry = execEntry(number, 'exit', `e${number}`);
    await journal.add({ ...entry, event: { ...entry.event, typeUrl: text } });
    await journal.forget(`e${number}`, number);
  }
  t.is((await journal.read()).pending.length, 400);
  await rmdir(`${file}.new`);
  for (let number = 401; number <= 1000; number += 1) {
    const entry = execEntry(number, 'exit', `e${number}`);
    await journal.add({ ...entry, event: { ...entry.event, typeUrl: text } });
    if (number === 800) await journal.markSent(entry);
    await journal.forget(`e${number}`, number);
  }
  t.is((await journal.read()).pending.length, 200);
  t.true((await stat(file)).size < 700_000);
});

test('what is owed of an exec that is gone is still sent, and says nothing of the next one of its id', async (t) => {
  const journal = journalAt(t, path.join(await tempDir(t), 'hello@1'));
  await journal.add(execEntry(1, 'exec-added', 'one'));
  await journal.add(execEntry(2, 'exit', 'one'));
  await journal.forget('one', 2);
  t.is((await journal.read()).pending.length, 2);
  t.is((await journal.read()).names.size, 0);
  await journal.add(execEntry(3, 'exec-added', 'one'));
  await journal.markSent(execEntry(2, 'exit', 'one'));
  t.deepEqual(await journal.read(), {
    pending: [execEntry(3, 'exec-added', 'one')],
    names: new Set(['exec-added@one']),
    marks: new Map(),
    last: 3,
  });
});

test('the last journal of a namespace takes its directory with it', async (t) => {
  const root = await tempDir(t);
  const [one, other] = ['hello@1', 'hello@2'].map((name) => journalAt(t, path.join(root, 'default', name)));
  await one?.add(entryOf(1, 'create'));
  await other?.add(entryOf(1, 'create'));
  await one?.remove();
  t.deepEqual(await readdir(path.join(root, 'default')), ['hello@2']);
  await other?.remove();
  t.deepEqual(await readdir(root), []);
  // Again, and where there never was one.
  await other?.remove();
  await journalAt(t, path.join(root, 'never', 'was')).remove();
});

test('a journal can be begun anew after it was removed', async (t) => {
  const journal = journalAt(t, path.join(await tempDir(t), 'default', 'hello@1'));
  await journal.add(entryOf(1, 'create'));
  await journal.remove();
  await journal.add(entryOf(1, 'create'));
  t.is((await journal.read()).pending.length, 1);
});

test('a disk that takes nothing is an error of the one who adds', async (t) => {
  const root = await tempDir(t);
  await writeFile(path.join(root, 'file'), '');
  await t.throwsAsync(journalAt(t, path.join(root, 'file', 'journal')).add(entryOf(1, 'create')), {
    code: 'ENOTDIR',
  });
  // A directory where the file should be.
  await t.throwsAsync(journalAt(t, root).add(entryOf(1, 'create')), { code: 'EISDIR' });
});
