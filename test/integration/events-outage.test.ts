import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../support/eventually.ts';
import { createRequest } from '../support/shim-host.ts';
import { daemonOf, killDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/* containerd is away for a while, while things happen. */
const fixture = useShimHost(test, { lingerMs: 300 });
const LIFE = ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete'];

const topicsOf = (id: string) => fixture.host.events.of(id).map(({ topic }) => topic);

/** Containers that live from begin to end. @returns their ids. */
async function lives(t: ExecutionContext, count: number): Promise<string[]> {
  const containers = await Promise.all(
    Array.from({ length: count }, (_, status) => fixture.running(t, ['sh', '-c', `exit ${status}`])),
  );
  for (const { task, init, client } of containers) {
    await task.wait(init);
    await task.delete(init);
    client.close();
  }
  return containers.map(({ init }) => init.id);
}

/** Every event has come once, in order, and says how the container ended. */
async function toldOf(t: ExecutionContext, ids: readonly string[]): Promise<void> {
  for (const [status, id] of ids.entries()) {
    t.deepEqual(await fixture.host.events.topicsThrough(id, '/tasks/delete'), LIFE);
    for (const event of fixture.host.events.of(id).slice(2)) t.is(event.exitStatus, status);
  }
}

test.serial('events wait until containerd is back', async (t) => {
  fixture.host.events.close();
  const ids = await lives(t, 5);
  t.deepEqual(ids.flatMap(topicsOf), []);
  await fixture.host.events.listen();
  await toldOf(t, ids);
});

test.serial('events wait for containerd in the middle of a life', async (t) => {
  const { task, init } = await fixture.running(t, ['sleep', '1000']);
  await fixture.host.events.topicsThrough(init.id, '/tasks/start');
  fixture.host.events.close();
  await task.kill({ ...init, signal: 9, all: false });
  await task.wait(init);
  await fixture.host.events.listen();
  t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/exit'), LIFE.slice(0, 3));
  await task.delete(init);
  t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), LIFE);
});

test.serial('events outlive the daemon: the next one sends what containerd never had', async (t) => {
  fixture.host.events.close();
  const ids = await lives(t, 3);
  await killDaemon(fixture.host.runDir);
  const later = await lives(t, 2);
  // It does not stay awake for a containerd that is not there.
  await eventually(async () => ((await daemonOf(fixture.host.runDir)) === undefined ? true : undefined));
  t.deepEqual([...ids, ...later].flatMap(topicsOf), []);
  await fixture.host.events.listen();
  await fixture.host.startShim(await fixture.host.makeBundle());
  await toldOf(t, ids);
  await toldOf(t, later);
});

test.serial('events of the second container of an id come after those of the first', async (t) => {
  fixture.host.events.close();
  const { task, init, bundle } = await fixture.running(t, ['true']);
  await task.wait(init);
  await task.delete(init);
  const { pid } = await task.create(createRequest(bundle));
  await task.delete(init);
  await fixture.host.events.listen();
  const topics = await eventually(() => {
    const all = topicsOf(init.id);
    return all.length >= 7 ? all : undefined;
  });
  t.deepEqual(topics, [...LIFE, '/tasks/create', '/tasks/exit', '/tasks/delete']);
  t.is(fixture.host.events.of(init.id).at(-1)?.pid, pid);
});

test.serial('a containerd that hangs up in the middle of an event gets it again', async (t) => {
  fixture.host.events.close();
  const address = path.join(fixture.host.dir, 'c.sock.ttrpc');
  const sockets: Socket[] = [];
  const rude = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.destroy());
  }).listen(address);
  await once(rude, 'listening');
  const ids = await lives(t, 2);
  await eventually(() => (sockets.length > 2 ? true : undefined));
  rude.close();
  await rm(address, { force: true });
  await fixture.host.events.listen();
  await toldOf(t, ids);
});
