import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { CtrEvents } from '../support/ctr-events.ts';
import { eventually } from '../support/eventually.ts';
import { walk } from '../support/host.ts';
import { keeperStatus } from '../support/keeper.ts';
import { isAlive, listProcesses, processesOf } from '../support/processes.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { useContainerd } from '../support/with-containerd.ts';

/*
 * kill -9 of what holds containerd's connections: the keeper, or runc's shim, by which this is proved. containerd gives
 * the containers up, and nothing is left of them.
 */
const FIFO_DIR = '/run/containerd/fifo';
const KILLED = 137;

let events: CtrEvents;

test.serial.after.always('stop listening', () => events.stop());
// What is left is looked for after this: ctr forgets its FIFOs with its containers.
test.serial.after.always('remove the FIFOs that ctr has left', async () => {
  for (const file of await walk(FIFO_DIR)) {
    if (file.includes(fixture.containerd.marker)) await rm(path.dirname(file), { recursive: true, force: true });
  }
});
const fixture = useContainerd(test);
test.serial.before('listen', async () => {
  events = await CtrEvents.start(fixture.containerd);
});

/** Of runc's shims there is one for each container. */
async function keepers(): Promise<number[]> {
  if (RUNTIME !== RUNC) return [(await keeperStatus(fixture.containerd.runDir)).keeper];
  const shims = await processesOf(fixture.containerd.marker);
  return shims.filter(({ command }) => command.includes('containerd-shim-runc-v2')).map(({ pid }) => pid);
}

async function killKeepers(): Promise<void> {
  const pids = await keepers();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  for (const pid of pids) await eventually(async () => ((await isAlive(pid)) ? undefined : true));
}

const taskRow = async (id: string) => {
  const { stdout } = await fixture.containerd.ctr(['tasks', 'ls']);
  return stdout.split('\n').find((line) => line.startsWith(`${id} `));
};

async function pidOf(id: string): Promise<number> {
  return Number((await taskRow(id))?.split(/\s+/)[1]);
}

/** A process and all that descend from it. */
async function familyOf(pid: number): Promise<number[]> {
  const all = await listProcesses();
  const children = all.filter(({ parent }) => parent === pid).map((child) => child.pid);
  return [pid, ...(await Promise.all(children.map(familyOf))).flat()];
}

test.serial('containers that run: given up, with the status of what is killed, and without an orphan', async (t) => {
  const plain = await fixture.runDetached(t, ['sleep', '1000']);
  const family = await fixture.runDetached(t, ['sh', '-c', 'sleep 1000 & sh -c "sleep 1000 & wait" & wait']);
  await fixture.containerd.ctr(['tasks', 'exec', '--detach', '--exec-id', 'e', plain, 'sleep', '1000']);
  const members = await eventually(async () => {
    const pids = await familyOf(await pidOf(family));
    return pids.length === 4 ? pids : undefined;
  });
  members.push(await pidOf(plain));
  await killKeepers();
  for (const id of [plain, family]) {
    const seen = await events.taskThrough(id, '/tasks/delete');
    const ends = seen.filter(({ topic, body }) => topic === '/tasks/exit' && body.id === id);
    t.deepEqual(
      ends.map(({ body }) => body.exit_status),
      [KILLED],
    );
    await eventually(async () => ((await taskRow(id)) === undefined ? true : undefined));
  }
  for (const pid of members) await eventually(async () => ((await isAlive(pid)) ? undefined : true));
});

test.serial('a container that had ended: no other status is told of it', async (t) => {
  const id = await fixture.runDetached(t, ['sh', '-c', 'exit 7']);
  await events.taskThrough(id, '/tasks/exit');
  await killKeepers();
  const seen = await events.taskThrough(id, '/tasks/delete');
  const told = new Set(seen.filter(({ topic }) => topic === '/tasks/exit').map(({ body }) => body.exit_status));
  // runc's shim tells of every container that it was killed.
  t.deepEqual(told, new Set(RUNTIME === RUNC ? [7, KILLED] : [7]));
});

test.serial('a client that waits for the end is told of it', async (t) => {
  const id = fixture.idFor(t);
  const ctr = fixture.containerd.spawnCtr(fixture.runArgs([], ['sleep', '1000'], { id }));
  await events.taskThrough(id, '/tasks/start');
  await killKeepers();
  const { exitCode, timedOut } = await ctr;
  t.false(timedOut);
  t.not(exitCode, 0);
});

test.serial('afterwards there is another keeper, and containers run', async (t) => {
  const before = await fixture.runDetached(t, ['sleep', '1000']);
  const [first] = await keepers();
  await killKeepers();
  await events.taskThrough(before, '/tasks/delete');
  const result = await fixture.run(['sh', '-c', 'echo again; exit 2']);
  t.deepEqual(result, { code: 2, stdout: 'again\n', stderr: '' });
  const after = await fixture.runDetached(t, ['sleep', '1000']);
  t.false((await keepers()).includes(first ?? 0));
  t.regex((await taskRow(after)) ?? '', /RUNNING/);
});

test.serial('nothing is left in the run directory', async (t) => {
  await eventually(async () => ((await keepersAlive()) ? undefined : true));
  const left = await readdir(path.join(fixture.containerd.runDir, 'sockets')).catch(() => []);
  t.deepEqual(left, []);
});

const keepersAlive = () =>
  keepers().then(
    (pids) => pids.length > 0,
    () => false,
  );
