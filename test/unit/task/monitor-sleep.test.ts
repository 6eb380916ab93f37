import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { running, topics, type MonitorEnd, type World } from './support.ts';

/** A container that runs, whose monitor has gone to sleep; `next` is where its daemon connects again. */
async function asleep(t: Parameters<typeof running>[0]) {
  const all = await running(t);
  const server = await all.listen();
  const letting = all.container.link.letGo(5000);
  await all.monitor.hears('sleep');
  all.monitor.end('asleep');
  t.true(await letting);
  return { ...all, next: server.next, close: server.close };
}

/** What a monitor tells whoever connects. */
async function greet(next: () => Promise<MonitorEnd>, ...lines: string[]): Promise<MonitorEnd> {
  const monitor = await next();
  monitor.say('created 42 77', 'running', ...lines);
  return monitor;
}

test('a monitor is let go, and nobody takes that for its end', async (t) => {
  const all = await asleep(t);
  t.is(all.container.status, 'running');
  t.is(all.cleanUps(), 0);
  t.deepEqual(all.monitor.heard, [`run ${all.directory}`, 'start', 'sleep']);
});

test('taken up again, it tells what happened, and hears what was to be said meanwhile', async (t) => {
  const all = await asleep(t);
  const signalled = all.container.kill(15, false);
  void all.container.closeStdin();
  const taking = all.container.link.takeUp();
  const monitor = await greet(all.next, 'oom 1');
  await taking;
  await monitor.hears('signal 15');
  monitor.say('signalled 0');
  await signalled;
  t.deepEqual([...monitor.heard].sort(), ['close-stdin', 'greet', 'signal 15']);
  monitor.end('exited 143 5 6');
  t.is((await all.container.wait()).status, 143);
  t.deepEqual(await topics(all, 4), ['create', 'start', 'oom', 'exit']);
});

test('one that ended meanwhile, and is gone, has left word of all', async (t) => {
  const all: World & { close: () => void } = await asleep(t);
  all.close();
  await writeFile(path.join(all.directory, 'status'), 'phase stopped\nstarted 1\npid 42 77\nexit 137 5 6\noom 2\n');
  await all.container.link.takeUp();
  t.is((await all.container.wait()).status, 137);
  t.deepEqual(await topics(all, 4), ['create', 'start', 'oom', 'exit']);
});

test('one that does not answer is connected to anew', async (t) => {
  const all = await running(t);
  const server = await all.listen();
  t.false(await all.container.link.letGo(30));
  const monitor = await greet(server.next);
  await all.container.link.takeUp();
  const signalled = all.container.kill(15, false);
  await monitor.hears('signal 15');
  monitor.say('signalled 0');
  await t.notThrowsAsync(signalled);
  t.is(all.cleanUps(), 0);
});

test('one that ends instead has ended', async (t) => {
  const all = await running(t);
  const letting = all.container.link.letGo(5000);
  await all.monitor.hears('sleep');
  all.monitor.end('exited 3 5 6');
  t.false(await letting);
  await all.container.link.takeUp();
  t.is((await all.container.wait()).status, 3);
  t.true(await all.container.link.letGo(5000), 'there is nobody to be asked');
  await all.container.link.takeUp();
});
