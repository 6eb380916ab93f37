import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { execa } from 'execa';
import { eventually } from '../../support/eventually.ts';
import { privateMemory } from '../../support/process-usage.ts';
import { World } from '../launcher/support/world.ts';
import { frame, request } from './support/ttrpc-client.ts';

const MIB = 1024 * 1024;

test('requests are answered, and the daemon is told whose they are', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const [first, second] = await Promise.all([client.ask({ op: 'echo' }), client.ask({ op: 'echo' })]);
  t.is(first['pid'], second['pid']);
  const other = await world.connect();
  await other.ask({ op: 'echo' });
  const introductions = (await world.notes()).flatMap((note) => note['introduction'] ?? []);
  t.deepEqual(introductions, ['default', '1', '0', 'default', '2', '0']);
});

test('frames of 4 MiB pass both ways', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const answer = await client.ask({ op: 'size', size: 4 * MIB - 100 }, 4 * MIB - 100);
  t.is(answer['got'], 4 * MIB - 100);
  t.is(String(answer['filler']).length, 4 * MIB - 100);
});

test('a frame that is too long is refused as the daemon would, and the connection lives on', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const stream = client.send({ op: 'echo' }, 4 * MIB);
  const { code, message } = await client.answer(stream);
  t.is(code, 8);
  t.regex(message, /^message length \d+ exceed maximum message size of 4194304$/);
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
});

test('what a header alone tells is refused in the words of Go’s server', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  await client.ask({ op: 'echo' });
  await client.ask({ op: 'echo' });
  client.socket.write(request(1, { op: 'echo' }));
  client.socket.write(request(4, { op: 'echo' }));
  client.socket.write(frame(1001, 3, Buffer.from('data')));
  client.socket.write(frame(1003, 99, Buffer.from('of no known type')));
  t.is((await client.answer(4)).message, 'StreamID must be odd for client initiated streams');
  t.is((await client.answer(1001)).message, 'StreamID is no longer active');
  t.is((await client.answer(1)).message, 'StreamID cannot be re-used and must increment');
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
});

test('what the daemon says to nobody is dropped', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  t.deepEqual(await client.ask({ op: 'unknown' }), {});
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
});

test('a client that speaks no ttrpc is hung up on', async (t) => {
  const world = await World.create(t);
  await world.start();
  const connection = connect(world.namespaceSocket);
  const closed = new Promise((resolve) => connection.on('close', resolve));
  // The rest of what it says is not even read, which the kernel tells it by an error.
  connection.on('error', () => undefined);
  connection.resume().write('GET / HTTP/1.1\r\n\r\n');
  await closed;
  t.truthy(await world.ping());
});

test('a client that only writes no more still gets its answers', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const stream = client.send({ op: 'late', ms: 200 });
  client.socket.end();
  t.truthy((await client.answer(stream)).value['pid']);
  await eventually(async () => ((await world.status())['connections'] === '0' ? true : undefined));
});

test('a client that hangs up is forgotten, with its requests', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  for (let i = 0; i < 10; i++) client.send({ op: 'wait' });
  await eventually(async () => ((await world.status())['requests'] === '10' ? true : undefined));
  client.close();
  await eventually(async () => {
    const { requests, connections } = await world.status();
    return requests === '0' && connections === '0' ? true : undefined;
  });
  t.truthy(await world.ping());
});

test('a client that takes no answers stops itself alone, and gets them all in the end', async (t) => {
  const world = await World.create(t);
  await world.start();
  const lazy = await world.connect();
  lazy.socket.pause();
  const streams = Array.from({ length: 40 }, () => lazy.send({ op: 'size', size: MIB }));
  await sleep(300);
  const busy = await world.connect();
  for (let i = 0; i < 20; i++) await busy.ask({ op: 'echo' });
  lazy.socket.resume();
  for (const stream of streams) t.is(String((await lazy.answer(stream)).value['filler']).length, MIB);
});

test('a client with too much unanswered is not read from until there is room', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  for (let i = 0; i < 12; i++) client.send({ op: 'wait' }, MIB);
  const full = await eventually(async () => {
    const { requests } = await world.status();
    return requests === '7' ? requests : undefined;
  });
  t.is(full, '7', 'the eighth would be beyond 8 MiB');
  const other = await world.connect();
  t.truthy((await other.ask({ op: 'echo' }))['pid']);
  t.true(client.socket.writableLength > 0);
});

test('a connection that the daemon closes is closed to the client too', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  client.send({ op: 'hangUp' });
  await once(client.socket, 'end');
  t.is(await world.ping(), Number(pid), 'the daemon lives on');
});

test('another protocol passes as it is, and ends with its daemon', async (t) => {
  const world = await World.create(t);
  await world.start();
  const raw = connect(world.namespaceSocket);
  raw.setEncoding('utf8');
  raw.write('Pri * http/2.0 ');
  t.is(String((await once(raw, 'data'))[0]), 'PRI * HTTP/2.0 ');
  raw.write('and more');
  t.is(String((await once(raw, 'data'))[0]), 'AND MORE');
  t.deepEqual((await world.noted('raw'))['introduction'], ['default', '1', '0']);
  process.kill((await world.onlyReport()).pid, 'SIGKILL');
  await once(raw.resume(), 'close');
  t.truthy(await world.ping());
});

test('an idle keeper takes less than 1 MB of its own', async (t) => {
  const world = await World.create(t);
  await world.start();
  const clients = await Promise.all(Array.from({ length: 50 }, () => world.connect()));
  for (const client of clients) await client.ask({ op: 'size', size: 100_000 }, 100_000);
  for (const client of clients) client.send({ op: 'wait' });
  await eventually(async () => ((await world.status())['requests'] === '50' ? true : undefined));
  const privateKilobytes = await privateMemory(await world.keeper());
  t.true(privateKilobytes < 1000, `${privateKilobytes} kB`);
});

test('a crowd of clients takes no descriptors from those that are served', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  const keeper = await world.keeper();
  await execa('prlimit', ['--pid', String(keeper), '--nofile=256:256']);
  const crowd = Array.from({ length: 400 }, () => connect(world.namespaceSocket).on('error', () => undefined));
  t.teardown(() => {
    for (const socket of crowd) socket.destroy();
  });
  await eventually(() => (crowd.some(({ readableEnded, destroyed }) => readableEnded || destroyed) ? true : undefined));
  process.kill(Number(pid), 'SIGKILL');
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
  t.is(Number((await world.status())['keeper']), keeper);
});
