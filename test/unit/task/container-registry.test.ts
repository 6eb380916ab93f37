import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { EventJournal } from '../../../shim/events/event-journal.ts';
import { newJournalName, journalOwner } from '../../../shim/task/journal-name.ts';
import { eventsTaken } from '../../support/event-journals.ts';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from '../../support/processes.ts';
import { entryOf } from '../events/support.ts';
import { RegistryWorld } from './registry-world.ts';

const come = (world: RegistryWorld, count: number) =>
  eventually(() => (world.topics().length >= count ? true : undefined));
const nothingLeft = (world: RegistryWorld) =>
  eventually(async () => ((await world.left()).length === 0 ? true : undefined));

test('a whole life: events in order, and nothing left', async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry } = await world.daemon();
  const container = await registry.create('default', await world.request('hello'));
  t.is(registry.size, 1);
  t.is(await registry.get('default', 'hello'), container);
  await container.start();
  await container.kill(15, false);
  t.is((await container.wait()).status, 143);
  const { pid, exit } = await registry.delete('default', 'hello');
  t.is(pid, container.pid);
  t.is(exit.status, 143);
  t.is(registry.size, 0);
  await nothingLeft(world);
  t.deepEqual(world.topics(), ['create', 'start', 'exit', 'delete']);
  await t.throwsAsync(registry.get('default', 'hello'), { message: 'container not created' });
  await t.throwsAsync(registry.delete('default', 'hello'), { message: 'container not created' });
});

test('an id is taken once in its namespace, also while it is being created', async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry } = await world.daemon();
  const request = await world.request('hello');
  const first = registry.create('default', request);
  const error = await t.throwsAsync(registry.create('default', request), { instanceOf: StatusError });
  t.is(error.code, Code.AlreadyExists);
  await first;
  await t.throwsAsync(registry.create('default', request), { instanceOf: StatusError });
  await t.notThrowsAsync(registry.create('other', request));
  await registry.cleanUp('default', 'hello');
  await registry.cleanUp('other', 'hello');
  await nothingLeft(world);
});

test('whoever comes right after a create waits for it, whether or not it may come again', async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry } = await world.daemon();
  const request = await world.request('hello');
  for (const call of [undefined, 'keeper/1/1']) {
    const [container, removed] = await Promise.all([
      registry.create('default', request, call),
      registry.delete('default', 'hello'),
    ]);
    t.is(removed.pid, container.pid);
  }
  await nothingLeft(world);
});

for (const id of ['fails', 'dies']) {
  test(`of a create that ${id} nothing is left, and the next one of the id is told of`, async (t) => {
    const world = await RegistryWorld.create(t);
    const { registry } = await world.daemon();
    const request = await world.request(id);
    await t.throwsAsync(registry.create('default', request), { message: /^OCI runtime create failed: / });
    t.is(registry.size, 0);
    await nothingLeft(world);
    await t.throwsAsync(registry.create('default', request), { message: /^OCI runtime create failed: / });
    t.deepEqual(world.topics(), []);
    // Once more, and well: its events wait for nobody.
    const good = await world.request('hello');
    await t.throwsAsync(registry.create('default', { ...good, id: `${id}-again` }));
    await registry.create('default', { ...good, id: 'hello' });
    await come(world, 1);
    await registry.cleanUp('default', 'hello');
  });
}

test('two lives of an id are told one after the other, however slow the first one is', async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry } = await world.daemon();
  world.sink.close();
  const request = await world.request('hello');
  const first = await registry.create('default', request);
  await first.kill(9, false);
  await first.wait();
  await registry.delete('default', 'hello');
  const second = await registry.create('default', request);
  await second.start();
  await world.sink.listen();
  await come(world, 5);
  t.deepEqual(world.topics(), ['create', 'exit', 'delete', 'create', 'start']);
  await registry.cleanUp('default', 'hello');
  await nothingLeft(world);
});

test('what is wrong with a request is said before anything is made', async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry } = await world.daemon();
  const request = await world.request('hello');
  const absent = path.join(world.dir, 'absent');
  for (const [changes, message] of [
    [{ id: 'a/b' }, /container id/],
    [{ id: '' }, /container id/],
    [{ bundle: 'relative' }, /^bundle is "relative": expected an absolute path/],
    [{ bundle: `${request.bundle}\0` }, /^bundle contains a NUL/],
    [{ bundle: absent }, /config\.json/],
    [{ terminal: true }, /^terminal is true/],
    [{ checkpoint: '/c' }, /^checkpoint is "\/c": it has no lxcri\.json/],
    [{ stdout: 'relative' }, /^stdout is "relative"/],
    [{ options: { typeUrl: 'x', value: Buffer.alloc(0) } }, /^options have the type "x"/],
  ] as const) {
    const error = await t.throwsAsync(registry.create('default', { ...request, ...changes }), { message });
    t.true(error instanceof StatusError && error.code === Code.InvalidArgument, String(message));
  }
  await rm(path.join(request.bundle, 'rootfs'), { recursive: true });
  await t.throwsAsync(registry.create('default', request), { message: /root\.path .*there is no such directory/ });
  await writeFile(path.join(request.bundle, 'rootfs'), '');
  await t.throwsAsync(registry.create('default', request), { message: /root\.path .*expected a directory/ });
  t.deepEqual(await world.left(), []);
  t.is(registry.size, 0);
});

test("a directory that is there is another daemon's container", async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry, paths } = await world.daemon();
  await mkdir(paths.container('default', 'hello'), { recursive: true });
  const error = await t.throwsAsync(registry.create('default', await world.request('hello')), {
    instanceOf: StatusError,
  });
  t.is(error.code, Code.AlreadyExists);
  t.truthy(await stat(paths.container('default', 'hello')));
});

test('a cleanup of what is not there does nothing', async (t) => {
  const world = await RegistryWorld.create(t);
  const { registry } = await world.daemon();
  t.is(await registry.cleanUp('default', 'hello'), undefined);
});

// ---- The next daemon ----

test('the next daemon finds a running container, and everything goes on', async (t) => {
  const world = await RegistryWorld.create(t);
  const first = await world.daemon();
  const container = await first.registry.create('default', await world.request('hello'));
  await container.start();
  await come(world, 2);
  const second = await world.daemon();
  const found = await second.registry.get('default', 'hello');
  t.is(found.pid, container.pid);
  await eventually(() => (found.status === 'running' ? true : undefined));
  await found.kill(9, false);
  t.is((await found.wait()).status, 137);
  await second.registry.delete('default', 'hello');
  await eventually(() => (world.topics().includes('delete') ? true : undefined));
  t.is(world.topics().filter((topic) => topic === 'start').length, 1);
});

test('the next daemon finds an end that nobody was told of', async (t) => {
  const world = await RegistryWorld.create(t);
  const first = await world.daemon();
  const container = await first.registry.create('default', await world.request('hello'));
  const { pid } = container;
  process.kill(pid, 'SIGKILL');
  await container.wait();
  await eventually(async () => ((await isAlive(pid)) ? undefined : true));
  const second = await world.daemon();
  const found = await second.registry.get('default', 'hello');
  t.is(found.status, 'stopped');
  t.is((await found.wait()).status, 137);
  await second.registry.delete('default', 'hello');
});

test('the next daemon finishes a removal, and answers the call for it though no answer was kept', async (t) => {
  const world = await RegistryWorld.create(t);
  const first = await world.daemon();
  const container = await first.registry.create('default', await world.request('hello'));
  process.kill(container.pid, 'SIGKILL');
  await container.wait();
  await eventually(async () => ((await isAlive(container.pid)) ? undefined : true));
  await eventsTaken(path.join(world.dir, 'run'));
  await new EventJournal(first.paths.journal('default', container.record.journal)).add(
    entryOf(9, 'delete', world.sink.target),
  );
  const { registry } = await world.daemon();
  const { exit } = await registry.delete('default', 'hello', 'keeper/1/9');
  t.is(exit.status, 137);
  await t.throwsAsync(registry.delete('default', 'hello', 'keeper/1/11'), { message: /not created/ });
});

test('the next daemon sends what a container that is gone still owed', async (t) => {
  const world = await RegistryWorld.create(t);
  const { paths } = await world.daemon();
  const journal = new EventJournal(paths.journal('default', newJournalName('hello')));
  await journal.add(entryOf(3, 'exit', world.sink.target));
  await journal.add(entryOf(4, 'delete', world.sink.target));
  await world.daemon();
  await come(world, 2);
  t.deepEqual(world.topics(), ['exit', 'delete']);
  await nothingLeft(world);
});

test('a journal that was being rewritten when its daemon died is no journal, and goes', async (t) => {
  const world = await RegistryWorld.create(t);
  const { paths } = await world.daemon();
  const file = paths.journal('default', newJournalName('hello'));
  await new EventJournal(file).add(entryOf(4, 'delete', world.sink.target));
  await copyFile(file, `${file}.new`);
  await world.daemon();
  await come(world, 1);
  await sleep(50);
  t.deepEqual(world.topics(), ['delete']);
  await nothingLeft(world);
});

test('the events of several lives are sent in the order of those', async (t) => {
  const world = await RegistryWorld.create(t);
  const { paths } = await world.daemon();
  for (const time of ['000000000000002-1', '000000000000010-1', '000000000000001-2']) {
    const journal = new EventJournal(paths.journal('default', `hello@${time}@build-a`));
    await journal.add(entryOf(1, `exec-${time}`, world.sink.target));
  }
  await world.daemon();
  await come(world, 3);
  t.deepEqual(
    world.topics(),
    ['000000000000001-2', '000000000000002-1', '000000000000010-1'].map((time) => `exec-${time}`),
  );
});

test('a journal that cannot be read keeps no later container of the id waiting', async (t) => {
  const world = await RegistryWorld.create(t);
  const { paths } = await world.daemon();
  // A directory in its place: reading it fails, whoever reads.
  await mkdir(paths.journal('default', newJournalName('hello')), { recursive: true });
  const { registry, log } = await world.daemon();
  t.true(log.some(({ level }) => level === 'error'));
  await registry.create('default', await world.request('hello'));
  await come(world, 1);
  t.deepEqual(world.topics(), ['create']);
  await registry.cleanUp('default', 'hello');
});

test('a daemon of another build takes over containers and their events', async (t) => {
  const world = await RegistryWorld.create(t);
  const old = await world.daemon({ build: 'build-a' });
  const container = await old.registry.create('default', await world.request('hello'));
  await come(world, 1);
  await eventsTaken(path.join(world.dir, 'run'));
  // And one that is gone, but whose last event containerd does not have yet.
  const gone = new EventJournal(old.paths.journal('default', newJournalName('gone')));
  await gone.add(entryOf(9, 'delete', world.sink.target));
  await old.registry.close();

  const next = await world.daemon({ build: 'build-b' });
  t.is((await next.registry.get('default', 'hello')).pid, container.pid);
  t.is((await next.registry.get('default', 'hello')).record.build, 'build-b');
  await come(world, 2);
  t.deepEqual(world.topics(), ['create', 'delete']);
  // What it took over stays its own.
  const journal = container.record.journal;
  const third = await world.daemon({ build: 'build-c' });
  t.is(third.registry.size, 1);
  t.true((await world.left()).some((entry) => entry === `events/default/${journal}`));
  await third.registry.cleanUp('default', 'hello');
});

test('names of journals', (t) => {
  const names = [newJournalName('a.b-c_d'), newJournalName('a.b-c_d')];
  t.is(new Set(names).size, 2);
  for (const name of names) t.is(journalOwner(name), 'a.b-c_d');
});
