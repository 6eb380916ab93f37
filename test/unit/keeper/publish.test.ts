import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { World } from '../launcher/support/world.ts';
import { frame } from './support/ttrpc-client.ts';

/** Stands in for containerd's ttrpc socket: collects what is published, and answers when told to. */
class Sink {
  readonly address: string;
  readonly requests: { streamId: number; text: string }[] = [];
  readonly connections: Socket[] = [];
  readonly #server: Server;

  private constructor(address: string) {
    this.address = address;
    this.#server = createServer((connection) => {
      this.connections.push(connection);
      connection.on('error', () => undefined);
      connection.on('data', (data: Buffer) => {
        for (let rest = data; rest.length > 0; rest = rest.subarray(10 + rest.readUInt32BE(0))) {
          const text = rest.subarray(10, 10 + rest.readUInt32BE(0)).toString();
          this.requests.push({ streamId: rest.readUInt32BE(4), text });
        }
      });
    });
  }

  static async listen(t: ExecutionContext, world: World): Promise<Sink> {
    const sink = new Sink(path.join(world.dir, 'containerd.sock'));
    await new Promise<void>((resolve) => sink.#server.listen(sink.address, resolve));
    t.teardown(() => sink.#server.close());
    return sink;
  }

  async received(count: number): Promise<void> {
    await eventually(() => Promise.resolve(this.requests.length >= count ? true : undefined));
  }

  answer(streamId: number, text: string): void {
    this.connections[0]?.write(frame(streamId, 2, Buffer.from(text)));
  }
}

test('requests to containerd go over one connection, at the same time', async (t) => {
  const world = await World.create(t);
  const sink = await Sink.listen(t, world);
  await world.start();
  const client = await world.connect();
  const first = client.ask({ op: 'publishAndTell', key: 'a', address: sink.address, text: 'one' });
  const second = client.ask({ op: 'publishAndTell', key: 'b', address: sink.address, text: 'two' });
  await sink.received(2);
  t.deepEqual(sink.requests, [
    { streamId: 1, text: 'one' },
    { streamId: 3, text: 'two' },
  ]);
  sink.answer(3, 'fine');
  t.deepEqual(await second, { how: 'A', text: 'fine' });
  sink.answer(1, '');
  t.deepEqual(await first, { how: 'A', text: '' });
  t.is(sink.connections.length, 1);
});

test('an event is published once, however often daemons die over it', async (t) => {
  const world = await World.create(t);
  const sink = await Sink.listen(t, world);
  await world.start();
  const client = await world.connect();
  client.send({ op: 'publish', key: 'k', address: sink.address, text: 'event' });
  await sink.received(1);
  // The daemon dies before the answer; its successor, which is given the request anew, publishes the same key.
  process.kill((await world.onlyReport()).pid, 'SIGKILL');
  await world.noted('begin', 2);
  await eventually(async () => ((await world.notes()).filter(({ request }) => request).length > 1 ? true : undefined));
  sink.answer(1, 'done');
  t.like(await world.noted('published'), { published: 'k', how: 'A', text: 'done' });
  // And once more after the answer: it was kept.
  process.kill(Number((await world.status())['daemon']), 'SIGKILL');
  t.like(await world.noted('published', 2), { published: 'k', how: 'A', text: 'done' });
  t.is(sink.requests.length, 1);
  // Recorded, it is forgotten, and the key is as good as new.
  const other = await world.connect();
  await other.ask({ op: 'recorded', key: 'k' });
  other.send({ op: 'publish', key: 'k', address: sink.address, text: 'again' });
  await sink.received(2);
  t.is(sink.requests[1]?.text, 'again');
});

test('what containerd may or may not have taken is told as such', async (t) => {
  const world = await World.create(t);
  const sink = await Sink.listen(t, world);
  await world.start();
  const client = await world.connect();
  const lost = client.ask({ op: 'publishAndTell', key: 'a', address: sink.address, text: 'x' });
  await sink.received(1);
  sink.connections[0]?.destroy();
  t.is((await lost)['how'], 'F');
  const nowhere = await client.ask({ op: 'publishAndTell', key: 'b', address: '/nowhere.sock', text: 'x' });
  t.is(nowhere['how'], 'F');
  t.regex(String(nowhere['text']), /nowhere.sock: No such file/);
  // The next try has a new connection.
  const again = client.ask({ op: 'publishAndTell', key: 'a', address: sink.address, text: 'y' });
  await sink.received(2);
  t.deepEqual(sink.requests[1], { streamId: 1, text: 'y' });
  sink.connections[1]?.write(frame(1, 2, Buffer.from('now')));
  t.deepEqual(await again, { how: 'A', text: 'now' });
});
