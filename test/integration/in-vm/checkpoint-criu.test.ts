import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { exists } from '../../../common/files.ts';
import { CheckpointOptions } from '../../../proto/gen/containerd/runc/v1/options.ts';
import { Status } from '../../../proto/gen/containerd/v1/types/task.ts';
import { eventually } from '../../support/eventually.ts';
import { execute } from '../../support/execs.ts';
import { FakeCriu } from '../../support/fake-criu.ts';
import { makeFifos } from '../../support/fifos.ts';
import { refusalOf } from '../../support/refusal.ts';
import type { BundleOptions } from '../../support/shim-bundle.ts';
import { createRequest } from '../../support/shim-host.ts';
import { killDaemon } from '../../support/shim-processes.ts';
import { useShimHost } from '../../support/with-shim-host.ts';

/* Containers that criu really writes to files and makes again of them. */
const fixture = useShimHost(test, { lingerMs: 10_000 });
const PATIENCE = { timeoutMs: 120_000 };

/** Counts in its memory and in a tmpfs, answers what it is told, and ends with 9 when it gets a SIGTERM. */
const COUNTER = [
  'trap "exit 9" TERM; trap "echo at $(cat /run/count)" USR1; i=0;',
  'while :; do i=$((i+1)); echo $i > /run/count; echo $i; sleep 0.1; done',
].join(' ');

const withOptions = (changes: Partial<CheckpointOptions>) => ({
  typeUrl: 'containerd.runc.v1.CheckpointOptions',
  value: Buffer.from(CheckpointOptions.encode({ ...CheckpointOptions.decode(new Uint8Array()), ...changes }).finish()),
});

/** A criu that waits, as the fake one does, before it does its work. */
const SLOW = `#!/bin/sh
here=$(dirname "$0")
: > "$here/$1-begun"
while [ -e "$here/hold" ]; do sleep 0.02; done
exec criu "$@"
`;

async function prepared(t: ExecutionContext, options: BundleOptions) {
  const shim = await fixture.shim(t, options);
  const fifos = await makeFifos(t, shim.bundle.dir);
  const criu = await FakeCriu.make(shim.bundle.dir, SLOW);
  const init = { id: shim.bundle.id, execId: '' };
  const request = createRequest(shim.bundle, { ...fifos.paths, options: criu.options });
  return { ...shim, fifos, criu, init, request, images: path.join(shim.bundle.dir, 'checkpoint') };
}

async function running(t: ExecutionContext, args: readonly string[], options: BundleOptions = {}) {
  const container = await prepared(t, { ...options, args });
  await container.task.create(container.request, PATIENCE);
  const { pid } = await container.task.start(container.init, PATIENCE);
  return { ...container, pid };
}

/** A new container, restored of the checkpoint. */
async function restored(t: ExecutionContext, checkpoint: string, options: BundleOptions = {}) {
  const container = await prepared(t, { args: ['true'], ...options });
  t.is((await container.task.create({ ...container.request, checkpoint }, PATIENCE)).pid, 0);
  const { pid } = await container.task.start(container.init, PATIENCE);
  return { ...container, pid };
}

const numbers = (text: string) =>
  text
    .split('\n')
    .filter((line) => /^\d+$/.test(line))
    .map(Number);

async function end(t: ExecutionContext, { task, init }: Pick<Awaited<ReturnType<typeof running>>, 'task' | 'init'>) {
  await task.kill({ ...init, signal: 9, all: false });
  t.is((await task.wait(init)).exitStatus, 137);
  await task.delete(init);
}

test.serial('a counter goes on counting, in a container as any other', async (t) => {
  const source = await running(t, ['sh', '-c', COUNTER]);
  await source.fifos.shows(/^5$/m);
  await source.task.checkpoint({ id: source.init.id, path: source.images, options: undefined }, PATIENCE);
  t.like(await source.task.state(source.init), { pid: source.pid, status: Status.RUNNING });
  await end(t, source);
  const before = numbers(source.fifos.output());

  const container = await restored(t, source.images);
  const { task, init, pid, fifos } = container;
  t.like(await task.state(init), { pid, status: Status.RUNNING });
  await eventually(() => numbers(fifos.output()).length > 5 || undefined);
  const after = numbers(fifos.output());
  // What was in the FIFO when the dump was made may come twice; nothing is missing, and nothing begins anew.
  t.true(
    before.includes((after[0] ?? 0) - 1) || before.includes(after[0] ?? 0),
    `${before.join()} then ${after.join()}`,
  );
  t.deepEqual(
    after,
    Array.from({ length: after.length }, (_, index) => (after[0] ?? 0) + index),
  );

  const exec = await execute(container, ['sh', '-c', 'cat /run/count /proc/1/comm; hostname; exit 3']);
  t.is(exec.status, 3);
  t.regex(exec.stdout, /^\d+\nsh\n/);
  t.true((await task.pids({ id: init.id })).processes.some((process) => process.pid === pid));
  t.truthy((await task.stats({ id: init.id })).stats);
  await task.pause({ id: init.id });
  t.is((await task.state(init)).status, Status.PAUSED);
  await task.resume({ id: init.id });

  await killDaemon(fixture.host.runDir);
  const { task: again } = await fixture.host.startShim(await fixture.host.makeBundle());
  t.like(await again.state(init), { pid, status: Status.RUNNING });
  await again.kill({ ...init, signal: 15, all: false });
  t.is((await again.wait(init)).exitStatus, 9);
  await again.delete(init);
});

test.serial('with exit it ends, and its stdin, its mounts and its network are there again', async (t) => {
  const shared = path.join(fixture.host.dir, 'shared');
  await mkdir(path.join(shared, 'below'), { recursive: true });
  await execa('mount', ['-t', 'tmpfs', 'tmpfs', path.join(shared, 'below')]);
  t.teardown(() => execa('umount', ['-l', path.join(shared, 'below')]));
  await writeFile(path.join(shared, 'below/file'), 'of the host\n');
  const network = path.join(fixture.host.dir, 'net');
  await writeFile(network, '');
  await execa('unshare', [`--net=${network}`, 'true']);
  t.teardown(() => execa('umount', [network]));
  const edit: BundleOptions['edit'] = (spec) => {
    const namespaces = spec.linux['namespaces'] as { type: string; path?: string }[];
    for (const namespace of namespaces) if (namespace.type === 'network') namespace.path = network;
    namespaces.push({ type: 'cgroup' });
    spec.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid'] });
    spec.mounts.push({ destination: '/srv/data', type: 'bind', source: shared, options: ['rbind', 'rw'] });
    spec.mounts.push({
      destination: '/etc/one',
      type: 'bind',
      source: path.join(shared, 'below/file'),
      options: ['bind', 'ro'],
    });
  };
  const payload =
    'cat /srv/data/below/file /etc/one; while read line; do echo "heard $line"; echo "$line" >> /srv/data/log; done';
  const source = await running(t, ['sh', '-c', payload], { edit });
  await source.fifos.shows(/of the host\nof the host\n/);
  await source.fifos.write('first\n');
  await source.fifos.shows(/heard first/);
  await source.task.checkpoint(
    { id: source.init.id, path: source.images, options: withOptions({ exit: true, fileLocks: true }) },
    PATIENCE,
  );
  t.like(await source.task.state(source.init), { status: Status.STOPPED, exitStatus: 137 });
  await source.task.delete(source.init);

  const container = await restored(t, source.images, { edit });
  await container.fifos.write('second\n');
  await container.fifos.shows(/heard second/);
  t.is(await readFile(path.join(shared, 'log'), 'utf8'), 'first\nsecond\n');
  const exec = await execute(container, [
    'sh',
    '-c',
    'cat /srv/data/below/file /etc/one; readlink /proc/self/ns/net; cat /proc/1/cgroup; ls /sys/fs/cgroup/cgroup.kill',
  ]);
  const { stdout: inode } = await execa('stat', ['-Lc', '%i', network]);
  t.is(exec.stdout, `of the host\nof the host\nnet:[${inode}]\n0::/\n/sys/fs/cgroup/cgroup.kill\n`);
  await end(t, container);
});

test.serial('kill -9 of the daemon during a dump and during a restore', async (t) => {
  const source = await running(t, ['sh', '-c', COUNTER]);
  const { init, images, criu, fifos, pid } = source;
  await fifos.shows(/^2$/m);
  await criu.set('hold');
  const checkpointed = source.task.checkpoint({ id: init.id, path: images, options: undefined }, PATIENCE);
  await eventually(async () => (await exists(criu.file('dump-begun'))) || undefined);
  await killDaemon(fixture.host.runDir);
  const second = await fixture.host.startShim(await fixture.host.makeBundle());
  t.like(await second.task.state(init), { pid, status: Status.RUNNING });
  await criu.release();
  await checkpointed;
  t.true(await exists(path.join(images, 'lxcri.json')));
  t.like(await second.task.state(init), { pid, status: Status.RUNNING });
  await end(t, { task: second.task, init });

  const target = await prepared(t, { args: ['true'] });
  await target.task.create({ ...target.request, checkpoint: images }, PATIENCE);
  await target.criu.set('hold');
  const started = target.task.start(target.init, PATIENCE);
  await eventually(async () => (await exists(target.criu.file('restore-begun'))) || undefined);
  await killDaemon(fixture.host.runDir);
  await target.criu.release();
  const { pid: restoredPid } = await started;
  const third = await fixture.host.startShim(await fixture.host.makeBundle());
  t.like(await third.task.state(target.init), { pid: restoredPid, status: Status.RUNNING });
  await eventually(() => numbers(target.fifos.output()).length > 2 || undefined);
  await end(t, { task: third.task, init: target.init });
});

test.serial('what criu cannot do it says itself, and the container goes on', async (t) => {
  // A file that is open, has no name any more, and is larger than criu keeps of those. criu interrupts a sleep: it is
  // not the payload's last.
  const payload = 'exec 3>/run/big; head -c 3000000 /dev/zero >&3; rm /run/big; echo ready; while :; do sleep 1; done';
  const source = await running(t, ['sh', '-c', payload]);
  await source.fifos.shows(/ready/);
  const { message } = await refusalOf(
    source.task.checkpoint({ id: source.init.id, path: source.images, options: undefined }, PATIENCE),
  );
  t.regex(message, /^the checkpoint failed: criu ended with 1: .*ghost file.*; its log is .*criu-dump\.log$/);
  t.is((await source.task.state(source.init)).status, Status.RUNNING);
  t.false(await exists(source.images));
  await end(t, source);
});
