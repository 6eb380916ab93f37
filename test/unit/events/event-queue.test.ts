import { access, appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { invalidArgument, unimplemented } from '../../../common/errors.ts';
import { EventJournal, type JournalEntry } from '../../../shim/events/event-journal.ts';
import { eventually } from '../../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';
import { entryOf, NOWHERE, queueIn, Sink } from './support.ts';

const topics = (...names: string[]) => names.map((name) => `/tasks/${name}`);
const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

test('events arrive one after another, in the order in which they were added', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  let busy = 0;
  sink.answer = async (topic) => {
    t.is((busy += 1), 1, 'one at a time');
    // The first ones take longest: whoever overtakes is seen.
    await sleep(20 - 5 * Number(topic.slice(-1)));
    busy -= 1;
  };
  const { queue, add } = queueIn(t, path.join(dir, 'j'), sink.target);
  await Promise.all(['1', '2', '3', '4'].map((name) => add(name)));
  queue.finish();
  await queue.finished;
  t.deepEqual(sink.topics, topics('1', '2', '3', '4'));
});

test('the order is that of the calls, even if a later event is on disk first', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  // The first write waits for a directory to be made, the others find it.
  const { queue, add } = queueIn(t, path.join(dir, 'deep', 'er'), sink.target);
  void add('a');
  void add('b');
  await add('c');
  queue.finish();
  await queue.finished;
  t.deepEqual(sink.topics, topics('a', 'b', 'c'));
});

test('an event is on disk when its add has resolved, and before it is sent', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const { add, journal } = queueIn(t, path.join(dir, 'j'), sink.target);
  sink.answer = async () => {
    t.is((await journal.read()).pending.length, 1);
  };
  await add('create');
  await eventually(async () => ((await journal.read()).pending.length === 0 ? true : undefined));
  t.deepEqual(sink.topics, topics('create'));
  t.deepEqual([...(await journal.read()).names], ['create']);
});

test('an event is sent under its own key, whose answer is not needed once it is noted as sent', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  class Journal extends EventJournal {
    override async markSent(entry: JournalEntry): Promise<void> {
      t.false(courier.done.includes(`default/hello@1#${entry.number}`));
      if (entry.number === 2) throw new Error('no room');
      await super.markSent(entry);
    }
  }
  const journal = new Journal(path.join(dir, 'hello@1'));
  const { queue, add, courier } = queueIn(t, dir, sink.target, { journal });
  for (const name of ['create', 'start', 'exit']) await add(name);
  await eventually(() => (courier.done.length === 2 && !queue.isOwing ? true : undefined));
  t.deepEqual(courier.sent, ['default/hello@1#1-create', 'default/hello@1#2-start', 'default/hello@1#3-exit']);
  t.deepEqual(
    courier.done,
    ['default/hello@1#1-create', 'default/hello@1#3-exit'],
    'the next daemon will ask for the second again',
  );
});

test('a queue owes from the moment in which an event is added until it is noted as sent', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const { queue, add } = queueIn(t, path.join(dir, 'j'), sink.target);
  t.false(queue.isOwing);
  const adding = add('create');
  t.true(queue.isOwing);
  await adding;
  t.true(queue.isOwing);
  await eventually(() => (queue.isOwing ? undefined : true));
  t.deepEqual(sink.topics, topics('create'));
});

test('a containerd that is away gets everything once it is back, in order and once', async (t) => {
  const dir = await tempDir(t);
  const sink = new Sink(t, dir);
  const { queue, add, log } = queueIn(t, path.join(dir, 'j'), sink.target);
  for (const name of ['create', 'start', 'exit']) await add(name);
  await sleep(120);
  t.deepEqual(sink.topics, []);
  t.true(log.some(({ level, msg }) => level === 'warn' && /could not be sent/.test(msg)));
  await sink.listen();
  queue.finish();
  await queue.finished;
  t.deepEqual(sink.topics, topics('create', 'start', 'exit'));
});

test('a containerd that is restarted in the middle misses nothing', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const { queue, add } = queueIn(t, path.join(dir, 'j'), sink.target);
  await add('create');
  await eventually(() => (sink.topics.length === 1 ? true : undefined));
  // It goes while it has an event in hand, without an answer: nobody knows whether that one counts.
  let isGone = false;
  sink.answer = () => {
    sink.close();
    isGone = true;
    return new Promise(() => undefined);
  };
  await add('start');
  await add('exit');
  await eventually(() => isGone || undefined);
  sink.answer = () => undefined;
  await sink.listen();
  queue.finish();
  await queue.finished;
  t.deepEqual(sink.topics, topics('create', 'start', 'exit'));
});

for (const refusal of [invalidArgument('no such thing'), unimplemented('no such service')]) {
  test(`an event that is refused (${refusal.code}) is dropped and logged, and the next ones go on`, async (t) => {
    const dir = await tempDir(t);
    const sink = await new Sink(t, dir).listen();
    sink.answer = (topic) => {
      if (topic === '/tasks/start') throw refusal;
    };
    const { queue, add, log } = queueIn(t, path.join(dir, 'j'), sink.target);
    for (const name of ['create', 'start', 'exit']) await add(name);
    queue.finish();
    await queue.finished;
    t.deepEqual(sink.topics, topics('create', 'exit'));
    t.is(log.filter(({ level }) => level === 'error').length, 1);
    t.is(sink.connections, 1, 'a refusal is an answer: the connection is fine');
  });
}

test('an error that is no refusal is tried again', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  let tries = 0;
  sink.answer = () => {
    if ((tries += 1) < 3) throw new Error('busy');
  };
  const { queue, add } = queueIn(t, path.join(dir, 'j'), sink.target);
  await add('create');
  queue.finish();
  await queue.finished;
  t.is(tries, 3);
});

test('events without anywhere to go are dropped, not tried for ever', async (t) => {
  const dir = await tempDir(t);
  const { queue, add, log } = queueIn(t, path.join(dir, 'j'), NOWHERE);
  await add('create');
  queue.finish();
  await queue.finished;
  t.true(log.some(({ level }) => level === 'error'));
});

test('two containers do not wait for each other', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const away = new Sink(t, dir, 'away.sock');
  const stuck = queueIn(t, path.join(dir, 'stuck'), away.target);
  const free = queueIn(t, path.join(dir, 'free'), sink.target);
  await stuck.add('create');
  await free.add('create');
  free.queue.finish();
  await free.queue.finished;
  t.deepEqual(sink.topics, topics('create'));
});

test('a finished queue leaves no journal', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const { queue, add } = queueIn(t, path.join(dir, 'default', 'hello@1'), sink.target);
  await add('create');
  queue.finish();
  await queue.finished;
  t.false(await exists(path.join(dir, 'default')));
});

test('a queue that never had an event finishes', async (t) => {
  const { queue } = queueIn(t, path.join(await tempDir(t), 'j'), NOWHERE);
  queue.finish();
  await t.notThrowsAsync(queue.finished);
});

// ---- Crashes ----

test('the next daemon sends what the last one owed, and no more', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const journal = new EventJournal(path.join(dir, 'j'));
  // Sent and marked; sent but not marked, or not sent: nobody can tell; half written.
  const [create, start] = [entryOf(1, 'create', sink.target), entryOf(2, 'start', sink.target)];
  await journal.add(create);
  await journal.add(start);
  await journal.markSent(create);
  await appendFile(path.join(dir, 'j'), '\n{"add":3,"tar');
  const next = queueIn(t, path.join(dir, 'j'), sink.target);
  t.deepEqual([...(await next.queue.recover()).names].sort(), ['create', 'start']);
  await next.add('exit');
  next.queue.finish();
  await next.queue.finished;
  t.deepEqual(sink.topics, topics('start', 'exit'));
  t.false(await exists(path.join(dir, 'j')));
});

test('numbers go on after a recovery, so that the order on disk stays', async (t) => {
  const dir = await tempDir(t);
  const away = new Sink(t, dir);
  const first = queueIn(t, path.join(dir, 'j'), away.target);
  for (const name of ['create', 'start']) await first.add(name);
  const second = queueIn(t, path.join(dir, 'j'), away.target);
  await second.queue.recover();
  await second.add('exit');
  t.deepEqual(
    (await second.journal.read()).pending.map(({ number, event }) => `${number} ${event.topic}`),
    ['1 /tasks/create', '2 /tasks/start', '3 /tasks/exit'],
  );
});

// ---- Lives of the same id ----

test('a container sends after the last event of the one before it that had its id', async (t) => {
  const dir = await tempDir(t);
  const sink = new Sink(t, dir);
  const first = queueIn(t, path.join(dir, '1'), sink.target);
  const second = queueIn(t, path.join(dir, '2'), sink.target, { after: first.queue.finished });
  await second.add('create-2');
  await first.add('delete-1');
  await sink.listen();
  await sleep(80);
  first.queue.finish();
  second.queue.finish();
  await second.queue.finished;
  t.deepEqual(sink.topics, topics('delete-1', 'create-2'));
});

test('a container in between that was given up does not let the third overtake the first', async (t) => {
  const dir = await tempDir(t);
  const sink = new Sink(t, dir);
  const first = queueIn(t, path.join(dir, '1'), sink.target);
  await first.add('delete-1');
  const second = queueIn(t, path.join(dir, '2'), sink.target, { after: first.queue.finished });
  await second.add('create-2');
  await second.queue.discard();
  const third = queueIn(t, path.join(dir, '3'), sink.target, { after: second.queue.finished });
  await third.add('create-3');
  await sink.listen();
  await sleep(80);
  first.queue.finish();
  third.queue.finish();
  await third.queue.finished;
  t.deepEqual(sink.topics, topics('delete-1', 'create-3'));
});

// ---- Giving up ----

test('what is discarded is neither sent nor kept', async (t) => {
  const dir = await tempDir(t);
  const sink = new Sink(t, dir);
  const { queue, add } = queueIn(t, path.join(dir, 'default', 'hello@1'), sink.target);
  await add('create');
  void add('start');
  await queue.discard();
  await queue.finished;
  t.false(await exists(path.join(dir, 'default')));
  await add('exit');
  await sink.listen();
  await sleep(120);
  t.deepEqual(sink.topics, []);
  await queue.forget('one');
  t.false(await exists(path.join(dir, 'default')), 'an event that comes too late begins no new journal');
});

// ---- Disks ----

test('an event that cannot be written is sent all the same', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  await writeFile(path.join(dir, 'file'), '');
  const { queue, add, log } = queueIn(t, path.join(dir, 'file', 'j'), sink.target);
  await add('create');
  await add('start');
  queue.finish();
  await queue.finished;
  t.deepEqual(sink.topics, topics('create', 'start'));
  t.is(log.filter(({ msg }) => /could not be written/.test(msg)).length, 2);
});

/** Its file stays, as on a file system that went read-only. */
class StuckJournal extends EventJournal {
  override remove(): Promise<void> {
    return Promise.reject(new Error('EROFS'));
  }
}

for (const end of ['finish', 'discard'] as const) {
  test(`a journal that cannot be removed keeps nobody waiting after ${end}`, async (t) => {
    const dir = await tempDir(t);
    const sink = await new Sink(t, dir).listen();
    const journal = new StuckJournal(path.join(dir, 'j'));
    const { queue, add, log } = queueIn(t, path.join(dir, 'j'), sink.target, { journal });
    await add('create');
    void queue[end]();
    await queue.finished;
    t.true(log.some(({ level, msg }) => level === 'warn' && /journal/.test(msg)));
  });
}

test('an exec that is gone leaves nothing but what is still owed', async (t) => {
  const dir = await tempDir(t);
  const file = path.join(dir, 'j');
  const sink = await new Sink(t, dir).listen();
  let release: (() => void) | undefined;
  sink.answer = (topic) =>
    topic.endsWith('held') ? new Promise<void>((resolve) => (release = resolve)) : Promise.resolve();
  const { queue } = queueIn(t, file, sink.target);
  const journal = new EventJournal(file);
  const add = (topic: string, execId?: string) => {
    const { event } = entryOf(1, topic);
    return queue.add(sink.target, execId === undefined ? event : { ...event, execId });
  };
  await add('start');
  await add('exec-added', 'one');
  await add('exec-added', 'two');
  await add('held', 'one');
  await add('exit', 'one');
  await eventually(() => release);
  await queue.forget('one');
  const { pending, names } = await journal.read();
  t.deepEqual(
    pending.map(({ number }) => number),
    [4, 5],
  );
  t.deepEqual([...names], ['start', 'exec-added@two']);
  // Another one gets the id: its events are remembered.
  await add('exec-added', 'one');
  release?.();
  await eventually(async () => ((await journal.read()).pending.length === 0 ? true : undefined));
  t.deepEqual([...(await journal.read()).names], ['start', 'exec-added@two', 'exec-added@one']);
});
