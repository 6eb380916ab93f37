import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { listProcesses, signalProcesses } from '../../../shim/cgroups/processes.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A hierarchy of this host in which a process can be put; v1's freezer, or v2. */
async function hierarchy(): Promise<string | undefined> {
  for (const top of ['/sys/fs/cgroup/freezer', '/sys/fs/cgroup']) {
    const found = await access(path.join(top, 'cgroup.procs')).then(
      () => true,
      () => false,
    );
    if (found) return top;
  }
  return undefined;
}

const own = (directory: string) => ({ version: 1, controllers: ['freezer'], directory }) as const;

let cgroups = 0;

/** A cgroup of the test's own, with one below it; undefined if this host has none or lets nobody make one. */
async function makeCgroup(t: ExecutionContext): Promise<string | undefined> {
  const top = await hierarchy();
  if (top === undefined || process.getuid?.() !== 0) return undefined;
  const cgroup = path.join(top, `lxcri-unit-${process.pid}-${(cgroups += 1)}`);
  await mkdir(path.join(cgroup, 'below'), { recursive: true });
  t.teardown(async () => {
    await rmdir(path.join(cgroup, 'below'));
    await rmdir(cgroup);
  });
  return cgroup;
}

async function sleeper(t: ExecutionContext, cgroup: string): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await writeFile(path.join(cgroup, 'cgroup.procs'), String(child.pid));
  return child;
}

test('all processes of a cgroup and below it', async (t) => {
  const cgroup = await makeCgroup(t);
  if (cgroup === undefined) return void t.pass('no cgroups here');
  t.deepEqual(await listProcesses(cgroup), []);
  const children = [await sleeper(t, cgroup), await sleeper(t, path.join(cgroup, 'below'))];
  t.deepEqual((await listProcesses(cgroup)).sort(), children.map(({ pid }) => pid).sort());
});

for (const [number, name] of [
  [9, 'SIGKILL'],
  [15, 'SIGTERM'],
] as const) {
  test(`${name} reaches all of them`, async (t) => {
    const cgroup = await makeCgroup(t);
    if (cgroup === undefined) return void t.pass('no cgroups here');
    const children = [await sleeper(t, cgroup), await sleeper(t, path.join(cgroup, 'below'))];
    const ends = children.map((child) => once(child, 'exit'));
    await signalProcesses([own(cgroup)], number);
    for (const end of ends) t.deepEqual(await end, [null, name]);
  });
}

test('what is not there has no processes', async (t) => {
  const absent = path.join(await tempDir(t), 'absent');
  t.deepEqual(await listProcesses(absent), []);
  await t.notThrowsAsync(signalProcesses([own(absent)], 9));
  await t.notThrowsAsync(signalProcesses([], 9));
});

test('a process that has gone meanwhile is no fault', async (t) => {
  const dir = await tempDir(t);
  const gone = spawn('true', { stdio: 'ignore' });
  await once(gone, 'exit');
  await writeFile(path.join(dir, 'cgroup.procs'), `${gone.pid ?? 0}\n`);
  await t.notThrowsAsync(signalProcesses([own(dir)], 15));
});

test('v2 kills by its own means', async (t) => {
  const dir = await tempDir(t);
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(bystander, 'spawn');
  await writeFile(path.join(dir, 'cgroup.kill'), '');
  await writeFile(path.join(dir, 'cgroup.procs'), `${bystander.pid ?? 0}\n`);
  await signalProcesses([own(dir)], 9);
  t.true(bystander.kill(0), 'the kernel would have done it');
  bystander.kill('SIGKILL');
});
