import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build } from 'esbuild';
import { TaskDefinition } from '../../../proto/gen/containerd/task/v2/task.ts';
import { FrameType, splitWords } from '../../../shim/daemon/keeper-protocol.ts';
import { writeContainerRecord } from '../../../shim/task/container-record.ts';
import { toServiceClient } from '../../../shim/ttrpc/typed-service.ts';
import { eventually } from '../../support/eventually.ts';
import { StandInKeeper } from '../../support/stand-in-keeper.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { Sink } from '../events/support.ts';
import { tempDir } from '../support/temp-dir.ts';
import { MonitorEnd, record } from '../task/support.ts';

/* The whole program, as the keeper starts it. */

let program = '';
let programDirectory = '';

test.before('bundle the program', async () => {
  programDirectory = await makeTempDir();
  program = path.join(programDirectory, 'shim.cjs');
  const entry = path.join(import.meta.dirname, '../../../shim/main.ts');
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'cjs' });
});

test.after.always(() => rm(programDirectory, { recursive: true, force: true }));

async function startDaemon(t: ExecutionContext, runDir: string, environment: NodeJS.ProcessEnv = {}) {
  const keeper = await StandInKeeper.start([program], runDir, environment);
  t.teardown(() => {
    keeper.close();
  });
  return keeper;
}

async function makeRunDirectory(t: ExecutionContext): Promise<string> {
  const runDir = path.join(await tempDir(t), 'run');
  await mkdir(runDir);
  return runDir;
}

/** A container that runs, as an earlier daemon left it, with a monitor. */
async function makeContainer(t: ExecutionContext, runDir: string) {
  const sink = await new Sink(t, path.dirname(runDir)).listen();
  const directory = path.join(runDir, 'containers/default/hello');
  await mkdir(directory, { recursive: true });
  await writeContainerRecord(directory, record(sink.target));
  await writeFile(path.join(directory, 'status'), 'phase running\nstarted 1\npid 42 77\n');
  const ends: MonitorEnd[] = [];
  const server = createServer((socket) => {
    const end = new MonitorEnd(socket);
    end.say('created 42 77', 'running');
    ends.push(end);
  });
  server.listen(path.join(directory, 'monitor.sock'));
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const end of ends) end.die();
  });
  return { directory, sink, nextMonitor: () => eventually(() => ends.shift()), connections: () => ends.length };
}

const wordsOf = ({ data }: { readonly data: Buffer }) => splitWords(data, 2).words;

test('it touches nothing before it is told to begin, and goes without a word if it is not needed', async (t) => {
  const runDir = await makeRunDirectory(t);
  const { connections } = await makeContainer(t, runDir);
  const before = await readdir(runDir, { recursive: true });
  const keeper = await startDaemon(t, runDir);
  await keeper.next(FrameType.Loaded);
  keeper.say(FrameType.Handover);
  t.is(await keeper.ended(), 0);
  t.deepEqual(keeper.sent, []);
  t.is(connections(), 0);
  const after = await readdir(runDir, { recursive: true });
  t.deepEqual(after.filter((name) => !name.startsWith('daemon')).sort(), before.sort());
});

test('it recovers containers, serves calls, and tells which namespace and call by the introduction', async (t) => {
  const runDir = await makeRunDirectory(t);
  await makeContainer(t, runDir);
  const keeper = await startDaemon(t, runDir);
  await keeper.begin();
  const request = { id: 'hello', execId: '' };
  const task = toServiceClient(TaskDefinition, await keeper.relayClient('default', 1));
  t.like(await task.state(request), { pid: 42 });
  const other = toServiceClient(TaskDefinition, await keeper.relayClient('other', 2));
  await t.throwsAsync(other.state(request), { message: 'container not created' });
});

test('events go through the keeper, under keys that stay', async (t) => {
  const runDir = await makeRunDirectory(t);
  const { sink } = await makeContainer(t, runDir);
  const keeper = await startDaemon(t, runDir);
  await keeper.begin();
  await eventually(() => (keeper.courier.done.length === 2 ? true : undefined));
  t.deepEqual(sink.topics, ['/tasks/create', '/tasks/start']);
  t.deepEqual(keeper.courier.sent, ['default/hello@1#1-create', 'default/hello@1#2-start']);
  t.deepEqual(keeper.courier.done, keeper.courier.sent);
});

test('it goes to sleep with its container, though somebody waits, and takes it up if it may not', async (t) => {
  const runDir = await makeRunDirectory(t);
  const { nextMonitor } = await makeContainer(t, runDir);
  const keeper = await startDaemon(t, runDir, { LXCRI_SLEEP_MS: '200' });
  await keeper.begin();
  const first = await nextMonitor();
  await first.hears('sleep');
  t.deepEqual(keeper.sent, []);
  first.end('asleep');
  t.deepEqual(wordsOf(await keeper.next(FrameType.Sleep)), ['0', '1']);

  const client = await keeper.relayClient('default', 1);
  const task = toServiceClient(TaskDefinition, client);
  const request = { id: 'hello', execId: '' };
  const waiting = t.throwsAsync(task.wait(request), { message: /closed/ });
  t.like(await task.state(request), { pid: 42 });
  const killed = task.kill({ ...request, signal: 15, all: false });
  keeper.say(FrameType.Stay);
  const second = await nextMonitor();
  const asked = await eventually(() => second.heard.find((line) => line.endsWith(' signal 15')));
  second.say(`done ${asked.split(' ')[1] ?? ''} 0`);
  await killed;
  await second.hears('sleep');
  second.end('asleep');
  t.deepEqual(wordsOf(await keeper.next(FrameType.Sleep)), ['3', '1']);
  keeper.say(FrameType.Go);
  t.is(await keeper.ended(), 0);
  await waiting;
});

test('without containers it sleeps after the time to linger', async (t) => {
  const keeper = await startDaemon(t, await makeRunDirectory(t), { LXCRI_LINGER_MS: '50' });
  await keeper.begin();
  t.deepEqual(wordsOf(await keeper.next(FrameType.Sleep)), ['0', '0']);
  keeper.say(FrameType.Go);
  t.is(await keeper.ended(), 0);
});

for (const way of ['handover', 'SIGTERM'] as const) {
  test(`after ${way} it ends at once, whoever waits, and its container goes on`, async (t) => {
    const runDir = await makeRunDirectory(t);
    const { nextMonitor } = await makeContainer(t, runDir);
    const keeper = await startDaemon(t, runDir);
    await keeper.begin();
    const client = await keeper.relayClient('default', 1);
    const task = toServiceClient(TaskDefinition, client);
    const waiting = t.throwsAsync(task.wait({ id: 'hello', execId: '' }), { message: /closed/ });
    await task.state({ id: 'hello', execId: '' });
    const monitor = await nextMonitor();
    const began = performance.now();
    if (way === 'handover') keeper.say(FrameType.Handover);
    else keeper.daemon.kill(way);
    t.is(await keeper.ended(), 0);
    t.true(performance.now() - began < 900, 'a Wait is nothing to wait for');
    await waiting;
    t.deepEqual(monitor.heard, ['greet']);

    const successor = await startDaemon(t, runDir);
    await successor.begin();
    const again = toServiceClient(TaskDefinition, await successor.relayClient('default', 1));
    t.like(await again.state({ id: 'hello', execId: '' }), { pid: 42 });
  });
}

test('without its keeper it ends', async (t) => {
  const runDir = await makeRunDirectory(t);
  const keeper = await startDaemon(t, runDir);
  await keeper.begin();
  keeper.hangUp();
  t.is(await keeper.ended(), 1);
});

test('it says so when nobody has started it as it should', async (t) => {
  const keeper = await startDaemon(t, await makeRunDirectory(t), { LXCRI_KEEPER: '' });
  t.is(await keeper.ended(), 1);
});
