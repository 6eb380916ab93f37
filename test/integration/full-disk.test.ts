import { open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { execa } from 'execa';
import { Code } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/processes.ts';
import { refusalOf } from '../support/refusal.ts';
import { createRequest } from '../support/shim-host.ts';
import { daemonOf, killDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/* The run directory on a small file system of its own, and that full: of bytes, or of files. */
const LIFE = ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete'];

test.serial.after.always('unmount', async () => {
  await eventually(async () => ((await daemonOf(fixture.host.runDir)) === undefined ? true : undefined));
  // The keeper is about to go too.
  await eventually(async () => {
    const { failed } = await execa('umount', [fixture.host.runDir], { timeout: 10_000, reject: false });
    return failed ? undefined : true;
  });
});
const fixture = useShimHost(test, { lingerMs: 300 });
test.serial.before('a small file system', async () => {
  const options = ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=512,mode=711', 'tmpfs', fixture.host.runDir];
  await execa('mount', options, { timeout: 10_000 });
});

const filler = (name = '') => path.join(fixture.host.runDir, `filler${name}`);

const isFull = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOSPC';

async function fillBytes(): Promise<void> {
  const file = await open(filler(), 'w');
  try {
    for (;;) await file.write(Buffer.alloc(4096));
  } catch (error) {
    if (!isFull(error)) throw error;
  } finally {
    await file.close();
  }
}

let fillers = 0;

async function fillFiles(): Promise<void> {
  for (;;) {
    try {
      await (await open(filler(String((fillers += 1))), 'wx')).close();
    } catch (error) {
      if (isFull(error)) return;
      throw error;
    }
  }
}

async function free(): Promise<void> {
  for (const name of await readdir(fixture.host.runDir))
    if (name.startsWith('filler')) await rm(path.join(fixture.host.runDir, name));
}

for (const [what, fill] of [
  ['bytes', fillBytes],
  ['files', fillFiles],
] as const) {
  test.serial(`full of ${what}: nothing new, but what runs goes on and is told of`, async (t) => {
    t.teardown(free);
    // So many that the daemon's log, too, finds no room for what it says about them.
    const running = await Promise.all(Array.from({ length: 12 }, () => fixture.running(t, ['sleep', '1000'])));
    for (const { init } of running) await fixture.host.events.topicsThrough(init.id, '/tasks/start');
    const daemon = await daemonOf(fixture.host.runDir);
    const other = await fixture.shim(t);
    const { task } = other;
    const containers = path.join(fixture.host.runDir, 'containers', fixture.host.namespace);
    await fill();

    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { code, message } = await refusalOf(task.create(createRequest(other.bundle)));
      t.regex(message, /no space left on device/);
      t.true(message.includes(fixture.host.runDir), message);
      t.is(code, Code.ResourceExhausted);
    }
    t.deepEqual((await readdir(containers)).sort(), running.map(({ init }) => init.id).sort());
    for (const { init } of running) t.like(await task.state(init), { status: Status.RUNNING });
    for (const { init } of running) {
      await fill();
      await task.kill({ ...init, signal: 9, all: false });
      t.is((await task.wait(init)).exitStatus, 137);
      await task.delete(init);
      t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), LIFE);
    }
    t.is(await daemonOf(fixture.host.runDir), daemon);

    await free();
    await task.create(createRequest(other.bundle));
    await task.start({ id: other.bundle.id, execId: '' });
    t.is((await task.wait({ id: other.bundle.id, execId: '' })).exitStatus, 0);
  });

  test.serial(`full of ${what}: a new daemon takes over, and no exit status is lost`, async (t) => {
    t.teardown(free);
    const script = 'trap "exit 42" TERM; echo; while :; do sleep 0.02; done';
    const running = await fixture.running(t, ['sleep', '1000']);
    const ending = await fixture.running(t, ['sh', '-c', script]);
    await fixture.host.events.topicsThrough(ending.init.id, '/tasks/start');
    // Its handler is there once it was seen to sleep.
    await eventually(async () =>
      (await ending.task.pids({ id: ending.init.id })).processes.length === 2 ? true : undefined,
    );
    await fill();
    await killDaemon(fixture.host.runDir);
    await fill();
    process.kill(ending.pid, 'SIGTERM');
    await eventually(async () => ((await isAlive(ending.pid)) ? undefined : true));
    const { task, client } = await fixture.host.startShim(running.bundle);
    t.teardown(() => {
      client.close();
    });
    t.like(await task.state(running.init), { status: Status.RUNNING, pid: running.pid });
    t.is((await task.wait(ending.init)).exitStatus, 42);
    await task.kill({ ...running.init, signal: 9, all: false });
    await task.wait(running.init);
    for (const { init } of [running, ending]) {
      await task.delete(init);
      t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), LIFE);
    }
  });

  test.serial(
    `full of ${what}: the idle daemon ends, at the latest when there is room; start works or says why`,
    async (t) => {
      t.teardown(free);
      const ended = () =>
        eventually(async () => ((await daemonOf(fixture.host.runDir)) === undefined ? true : undefined));
      const { bundle, client } = await fixture.shim(t);
      await fill();
      client.close();
      await sleep(600);
      await free();
      await ended();

      await fill();
      const { exitCode, stderr } = await fixture.host.call(bundle, 'start');
      if (exitCode === 0) await ended();
      else t.regex(Buffer.from(stderr).toString(), /No space left on device/);
      await free();
      const shim = await fixture.host.startShim(bundle);
      t.true((await shim.task.create(createRequest(bundle))).pid > 0);
      await fixture.host.destroy(shim);
    },
  );
}
