import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { World } from '../launcher/support/world.ts';

const asleep = async (world: World) =>
  eventually(async () => ((await world.status())['state'] === 'asleep' ? true : undefined));

test('a daemon sleeps while a Wait goes on, and the next request wakes another', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const waiting = client.send({ op: 'wait' });
  const { pid } = await client.ask({ op: 'sleep', containers: 3 });
  await asleep(world);
  t.like(await world.status(), { daemon: '-', requests: '1', connections: '1' });
  t.truthy(await world.noted('go'));
  t.not((await client.ask({ op: 'echo' }))['pid'], pid);
  t.false(client.hasAnswer(waiting));
  t.is((await world.notes()).filter(({ request }) => request === 'wait').length, 2, 'the next daemon was given it');
});

test('a daemon that has not read all requests stays', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'sleep', requests: 0 });
  await world.noted('stay');
  t.is((await client.ask({ op: 'echo' }))['pid'], pid);
});

test('a daemon with a raw connection stays', async (t) => {
  const world = await World.create(t);
  await world.start();
  const raw = await world.connect();
  raw.socket.removeAllListeners('data');
  raw.socket.write('PRI');
  await world.noted('raw');
  const client = await world.connect();
  await client.ask({ op: 'sleep' });
  await world.noted('stay');
  raw.close();
  await client.ask({ op: 'sleep' });
  await asleep(world);
  t.pass();
});

test('a wake starts a daemon that sleeps, and keeps one from going to', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  await client.ask({ op: 'echo' });
  t.is(await world.tellKeeper('wake'), '');
  await client.ask({ op: 'sleep' });
  await world.noted('stay');
  await client.ask({ op: 'sleep' });
  await asleep(world);
  t.is(await world.tellKeeper('wake'), '');
  await world.noted('begin', 2);
  await eventually(async () => ((await world.status())['state'] === 'ready' ? true : undefined));
  t.is((await world.startReports()).length, 2);
});

test('a launcher starts a daemon that sleeps, and tells one that does not', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  await client.ask({ op: 'echo' });
  await world.start('second');
  await world.noted('announced');
  await client.ask({ op: 'sleep' });
  await asleep(world);
  await world.start('third');
  await world.noted('begin', 2);
  t.pass();
});
