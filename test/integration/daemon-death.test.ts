import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventsTaken } from '../support/event-journals.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/processes.ts';
import { SEED, seededRandom } from '../support/seeded-random.ts';
import { createRequest, type Shim } from '../support/shim-host.ts';
import { killDaemon as killDaemonOf } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/*
 * kill -9 of the daemon, with containers in every state and at any moment: containers go on, no end is lost, every
 * event is told in its order, and everything can still be removed.
 */
const fixture = useShimHost(test);
const LIFE = ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete'];

const killDaemon = () => killDaemonOf(fixture.host.runDir);

/** A container, with what is needed to ask about it over a later connection. */
interface Known {
  readonly shim: Shim;
  readonly init: { readonly id: string; readonly execId: string };
  readonly pid: number;
}

const known = ({ pid, init, ...shim }: Shim & Omit<Known, 'shim'>): Known => ({ shim, init, pid });

/** Waits until containerd has, and the journals say so, all that was to be told. */
async function eventsDelivered(ids: readonly string[], last: string): Promise<void> {
  for (const id of ids) await fixture.host.events.topicsThrough(id, last);
  await eventsTaken(fixture.host.runDir);
}

test.serial('five running, two created, three ended, two that end without a daemon', async (t) => {
  const stoppable = (status: number) => ['sh', '-c', `trap "exit ${status}" TERM; while :; do sleep 0.02; done`];
  const running = [];
  for (let index = 0; index < 5; index += 1) running.push(known(await fixture.running(t, ['sleep', '1000'])));
  const created = [];
  for (let index = 0; index < 2; index += 1)
    created.push(known(await fixture.created(t, { args: ['sh', '-c', 'exit 5'] })));
  const ended = [];
  for (const status of [0, 3, 200]) {
    const container = known(await fixture.running(t, ['sh', '-c', `exit ${status}`]));
    ended.push({ ...container, exit: await container.shim.task.wait(container.init) });
  }
  const ending = [];
  for (const status of [0, 77]) ending.push({ ...known(await fixture.running(t, stoppable(status))), status });
  await eventsDelivered(
    [...running, ...ending].map(({ init }) => init.id),
    '/tasks/start',
  );
  await eventsDelivered(
    ended.map(({ init }) => init.id),
    '/tasks/exit',
  );

  await killDaemon();
  const before = Date.now();
  for (const { pid } of ending) process.kill(pid, 'SIGTERM');
  for (const { pid } of ending) await eventually(async () => ((await isAlive(pid)) ? undefined : true));

  // What `start` needs a bundle for is only the daemon.
  const { task } = await fixture.host.startShim(await fixture.host.makeBundle());
  for (const { init, pid } of running) t.like(await task.state(init), { pid, status: Status.RUNNING, exitStatus: 0 });
  for (const { init, pid } of created) t.like(await task.state(init), { pid, status: Status.CREATED });
  for (const { init, pid, exit } of ended) {
    t.like(await task.state(init), { pid, status: Status.STOPPED, ...exit });
    t.deepEqual(await task.wait(init), exit);
  }
  for (const { init, status } of ending) {
    const { exitStatus, exitedAt } = await task.wait(init);
    t.is(exitStatus, status);
    const time = Number(exitedAt?.seconds) * 1000 + (exitedAt?.nanos ?? 0) / 1e6;
    t.true(time >= before && time <= Date.now() + 1, `${before} ${time}`);
  }

  for (const { init } of running) await task.kill({ ...init, signal: 9, all: false });
  for (const { init } of running) t.is((await task.wait(init)).exitStatus, 137);
  for (const { init, pid } of created) t.is((await task.start(init)).pid, pid);
  for (const { init } of created) t.is((await task.wait(init)).exitStatus, 5);
  for (const { init } of [...running, ...created, ...ended, ...ending]) {
    await task.delete(init);
    // Whatever was delivered before the death is not told again.
    t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), LIFE);
  }
});

/** Once a container's events are in their order, repeated ones are next to each other. */
function inOrder(topics: readonly string[]): boolean {
  const places = topics.map((topic) => LIFE.indexOf(topic));
  return places.every((place, index) => place >= (places[index - 1] ?? 0));
}

/** As containerd treats a container; whatever the daemon's death makes of a call is fine. */
async function live(shim: Shim, random: () => number): Promise<boolean> {
  const init = { id: shim.bundle.id, execId: '' };
  try {
    await shim.task.create(createRequest(shim.bundle));
    await shim.task.start(init);
    if (random() < 0.5) await shim.task.kill({ ...init, signal: 9, all: random() < 0.5 });
    await shim.task.wait(init);
    await shim.task.delete(init);
    return true;
  } catch (error) {
    // NotFound: the payload was quicker than its Kill.
    if (error instanceof StatusError && (error.code === Code.Unavailable || error.code === Code.NotFound)) return false;
    throw error;
  }
}

async function deathAmong(t: ExecutionContext, random: () => number): Promise<string[]> {
  const commands = [['true'], ['sleep', '1000'], ['sh', '-c', 'sleep 0.05; exit 3']];
  const shims = [];
  for (let index = 0; index < 4; index += 1) {
    const args = commands[Math.floor(random() * commands.length)] ?? ['true'];
    shims.push(await fixture.shim(t, { args }));
  }
  const lives = shims.map((shim) => live(shim, random));
  await sleep(random() * 120);
  await killDaemon();
  for (const { client } of shims) client.close();
  const ended = await Promise.all(lives);
  return shims.filter((_, index) => ended[index] === true).map(({ bundle }) => bundle.id);
}

test.serial('the daemon dies at any moment of creates, starts and deletes', async (t) => {
  t.timeout(120_000);
  t.log(`LXCRI_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const { host } = fixture;
  const first = host.events.received.length;
  const deleted = [];
  for (let round = 0; round < 12; round += 1) deleted.push(...(await deathAmong(t, random)));
  // Whose Delete was answered, has told everything.
  await host.startShim(await host.makeBundle());
  for (const id of deleted) await host.events.topicsThrough(id, '/tasks/delete');
  const ids = new Set(host.events.received.slice(first).map(({ containerId }) => containerId));
  for (const id of ids) {
    const topics = host.events.of(id).map(({ topic }) => topic);
    t.true(inOrder(topics), `${id}: ${topics.join(' ')}`);
  }
  t.log(`${ids.size} containers, ${deleted.length} of which lived to their end`);
});

test.serial('what the dead daemons left is removed by delete, even if nobody can read it', async (t) => {
  const { host } = fixture;
  const container = await fixture.running(t, ['sleep', '1000']);
  const other = await fixture.running(t, ['sleep', '1000']);
  await killDaemon();
  const directory = path.join(host.runDir, 'containers', host.namespace, container.init.id);
  await writeFile(path.join(directory, 'container.json'), '{"half');
  await writeFile(path.join(directory, 'status'), 'half');
  const { task } = await host.startShim(other.bundle);
  t.like(await task.state(other.init), { pid: other.pid, status: Status.RUNNING });
  await host.deleteShim(container.bundle);
  await eventually(async () => ((await isAlive(container.pid)) ? undefined : true));
});
