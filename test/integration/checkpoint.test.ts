import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Code } from '../../common/errors.ts';
import { exists } from '../../common/files.ts';
import { CheckpointOptions } from '../../proto/gen/containerd/runc/v1/options.ts';
import type { CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { eventually } from '../support/eventually.ts';
import { newExec } from '../support/execs.ts';
import { FakeCriu, criuOptions } from '../support/fake-criu.ts';
import { makeFifos } from '../support/fifos.ts';
import { refusalOf } from '../support/refusal.ts';
import type { BundleOptions } from '../support/shim-bundle.ts';
import { createRequest } from '../support/shim-host.ts';
import { killDaemon, monitorOf, withoutDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/*
 * What the shim does about checkpoints, with a criu that does as it is told: refusals, failures, and deaths in the
 * middle. What criu itself makes of containers is proved by checkpoint-criu.test.ts.
 */
const fixture = useShimHost(test);
const SLEEP = ['sleep', '1000'];

const options = (changes: Partial<CheckpointOptions>): Any => ({
  typeUrl: 'containerd.runc.v1.CheckpointOptions',
  value: Buffer.from(CheckpointOptions.encode({ ...CheckpointOptions.decode(new Uint8Array()), ...changes }).finish()),
});

/** A container that runs, with a criu of its own, and a directory for its checkpoint, which is not there yet. */
async function running(
  t: ExecutionContext,
  bundleOptions: BundleOptions = {},
  changes: Partial<CreateTaskRequest> = {},
) {
  const shim = await fixture.shim(t, { args: SLEEP, ...bundleOptions });
  const criu = await FakeCriu.make(shim.bundle.dir);
  const init = { id: shim.bundle.id, execId: '' };
  const { pid } = await shim.task.create(createRequest(shim.bundle, { options: criu.options, ...changes }));
  await shim.task.start(init);
  return { ...shim, criu, pid, init, images: path.join(shim.bundle.dir, 'checkpoint') };
}

/** A container that is to be restored from a checkpoint of another one, which had FIFOs. */
async function restorable(t: ExecutionContext) {
  const shim = await fixture.shim(t, { args: SLEEP });
  const { bundle } = shim;
  const old = await makeFifos(t, bundle.dir, 'old');
  const fifos = await makeFifos(t, bundle.dir, 'new');
  const source = await running(t, {}, old.paths);
  const { images, task } = source;
  await task.checkpoint({ id: source.init.id, path: images, options: undefined });
  const criu = await FakeCriu.make(bundle.dir);
  const init = { id: bundle.id, execId: '' };
  const request = createRequest(bundle, { options: criu.options, checkpoint: images, ...fifos.paths });
  return { ...shim, criu, fifos, init, images, request };
}

const stateDirectory = (id: string) => path.join(fixture.host.runDir, 'containers', fixture.host.namespace, id);

/** Nothing of a checkpoint is left in the container's state. */
async function leavesNothing(t: ExecutionContext, id: string): Promise<void> {
  const names = await readdir(stateDirectory(id));
  t.deepEqual(
    names.filter((name) => /^(checkpoint\.json|dump\.plan|criu-work)/.test(name)),
    [],
  );
}

test('the container goes on, the checkpoint is told of, and says what its restore needs', async (t) => {
  const { task, init, pid, images, criu } = await running(t);
  await task.checkpoint({ id: init.id, path: images, options: options({ fileLocks: true, openTcp: true }) });
  t.like(await task.state(init), { pid, status: Status.RUNNING });
  t.deepEqual((await readdir(images)).sort(), ['core-1.img', 'lxcri.json']);
  const words = (await readFile(criu.file('dump-arguments'), 'utf8')).trim().split(' ');
  t.is(words[words.indexOf('--tree') + 1], String(pid));
  for (const word of ['--leave-running', '--file-locks', '--tcp-established', '--manage-cgroups=ignore']) {
    t.true(words.includes(word), words.join(' '));
  }
  t.false(words.includes('--ext-unix-sk'));
  await leavesNothing(t, init.id);
  t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/checkpointed'), [
    '/tasks/create',
    '/tasks/start',
    '/tasks/checkpointed',
  ]);
});

test('with exit the container ends, and its end is told', async (t) => {
  const { task, init, images } = await running(t);
  await task.checkpoint({ id: init.id, path: images, options: options({ exit: true }) });
  t.like(await task.state(init), { status: Status.STOPPED, exitStatus: 137 });
  t.true(await exists(path.join(images, 'lxcri.json')));
  await task.delete(init);
  const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
  t.deepEqual(
    [...topics].sort(),
    ['checkpointed', 'create', 'delete', 'exit', 'start'].map((name) => `/tasks/${name}`),
  );
});

test('a paused container can be checkpointed, and stays paused', async (t) => {
  const { task, init, images } = await running(t);
  await task.pause({ id: init.id });
  await task.checkpoint({ id: init.id, path: images, options: undefined });
  t.is((await task.state(init)).status, Status.PAUSED);
  await task.resume({ id: init.id });
});

test('a dump that fails leaves the container and nothing else, and says why', async (t) => {
  const { task, init, images, criu, bundle } = await running(t);
  await criu.set('fail');
  const { code, message } = await refusalOf(
    task.checkpoint({ id: init.id, path: images, options: options({ exit: true }) }),
  );
  t.is(code, Code.Unknown);
  t.is(
    message,
    `the checkpoint failed: criu ended with 1: this kernel is none of mine; it FAILED; its log is ${bundle.dir}/criu-dump.log`,
  );
  t.is((await task.state(init)).status, Status.RUNNING);
  t.false(await exists(images));
  t.regex(await readFile(`${bundle.dir}/criu-dump.log`, 'utf8'), /none of mine/);
  await leavesNothing(t, init.id);
  // A directory that was there before is still there, and empty.
  await mkdir(images);
  await refusalOf(task.checkpoint({ id: init.id, path: images, options: undefined }));
  t.deepEqual(await readdir(images), []);
});

test('what does not fit the state is refused as runc’s shim does', async (t) => {
  const shim = await fixture.created(t, { args: SLEEP });
  const request = { id: shim.init.id, path: path.join(shim.bundle.dir, 'x'), options: undefined };
  t.deepEqual(await refusalOf(shim.task.checkpoint(request)), {
    code: Code.Unknown,
    message: 'cannot checkpoint a task in created state',
  });
  await shim.task.start(shim.init);
  await shim.task.kill({ ...shim.init, signal: 9, all: false });
  await shim.task.wait(shim.init);
  t.deepEqual(await refusalOf(shim.task.checkpoint(request)), {
    code: Code.Unknown,
    message: 'cannot checkpoint a stopped container',
  });
});

test('what cannot be done is refused, and changes nothing', async (t) => {
  const { task, init, images, bundle } = await running(t);
  const { id } = init;
  const full = path.join(bundle.dir, 'full');
  await mkdir(full);
  await writeFile(path.join(full, 'old.img'), '');
  const cases: readonly (readonly [code: Code, message: RegExp, path: string, options: Any | undefined])[] = [
    [Code.InvalidArgument, /^path is "": expected the absolute path of a directory$/, '', undefined],
    [Code.InvalidArgument, /^path is "x": expected the absolute path/, 'x', undefined],
    [Code.FailedPrecondition, /the directory is not empty/, full, undefined],
    [Code.InvalidArgument, /expected a directory$/, path.join(full, 'old.img'), undefined],
    [
      Code.InvalidArgument,
      /no-parent is no directory; make it first$/,
      path.join(bundle.dir, 'no-parent/x'),
      undefined,
    ],
    [Code.Unimplemented, /^options\.parent_path/, images, options({ parentPath: '/x' })],
    [Code.InvalidArgument, /^options\.empty_namespaces has "ipc"/, images, options({ emptyNamespaces: ['ipc'] })],
    [Code.InvalidArgument, /^options\.cgroups_mode is "x"/, images, options({ cgroupsMode: 'x' })],
    [Code.InvalidArgument, /^options\.work_path is "x"/, images, options({ workPath: 'x' })],
    [Code.InvalidArgument, /^options have the type "x"/, images, { typeUrl: 'x', value: Buffer.alloc(0) }],
  ];
  for (const [code, message, at, asked] of cases) {
    const refusal = await refusalOf(task.checkpoint({ id, path: at, options: asked }));
    t.is(refusal.code, code, refusal.message);
    t.regex(refusal.message, message);
  }
  t.false(await exists(images));
  t.deepEqual(await readdir(full), ['old.img']);
  await leavesNothing(t, id);
});

test('an exec that runs is in the way', async (t) => {
  const container = await running(t);
  const { task, init, images } = container;
  const exec = await newExec(container).add(SLEEP);
  await exec.start();
  const { code, message } = await refusalOf(task.checkpoint({ id: init.id, path: images, options: undefined }));
  t.is(code, Code.FailedPrecondition);
  t.regex(message, /^exec .* runs in the container, and criu would leave it out/);
  await task.kill({ ...exec.ref, signal: 9, all: false });
  await exec.wait();
  await task.checkpoint({ id: init.id, path: images, options: undefined });
});

test('no exec is started while criu has the container', async (t) => {
  const container = await running(t);
  const { task, init, images, criu } = container;
  await criu.set('hold');
  const checkpoint = task.checkpoint({ id: init.id, path: images, options: undefined });
  await eventually(async () => (await exists(criu.file('dump-begun'))) || undefined);
  const exec = await newExec(container).add(['true']);
  t.like(await refusalOf(exec.start()), { code: Code.FailedPrecondition });
  await criu.release();
  await checkpoint;
  await exec.start();
  t.is((await exec.wait()).exitStatus, 0);
});

test('a criu that is not there is named', async (t) => {
  const none = criuOptions({ criuPath: '/no/such/criu' });
  const { task, init, images } = await running(t, {}, { options: none });
  t.deepEqual(await refusalOf(task.checkpoint({ id: init.id, path: images, options: undefined })), {
    code: Code.InvalidArgument,
    message: 'options.criu_path is "/no/such/criu": expected the absolute path of an executable criu',
  });
});

test('a container can be killed, and removed, while criu has it', async (t) => {
  const { task, init, images, criu, bundle } = await running(t);
  await criu.set('hold');
  const checkpoint = refusalOf(task.checkpoint({ id: init.id, path: images, options: undefined }));
  await eventually(async () => (await exists(criu.file('dump-begun'))) || undefined);
  await task.kill({ ...init, signal: 9, all: true });
  t.is((await task.wait(init)).exitStatus, 137);
  // As containerd does it for a shim that it takes for dead; criu, which hangs, must not be in the way.
  t.is((await fixture.host.deleteShim(bundle)).exitStatus, 137);
  t.regex((await checkpoint).message, /^the checkpoint failed: criu ended with 137/);
  t.false(await exists(images));
});

for (const fails of [false, true]) {
  test.serial(`kill -9 of the daemon during a dump that ${fails ? 'fails' : 'succeeds'}`, async (t) => {
    const { task, init, pid, images, criu } = await running(t);
    await criu.set('hold');
    if (fails) await criu.set('fail');
    const answer = task.checkpoint({ id: init.id, path: images, options: undefined });
    const outcome = fails ? refusalOf(answer) : answer;
    await eventually(async () => (await exists(criu.file('dump-begun'))) || undefined);
    await killDaemon(fixture.host.runDir);
    const { task: again } = await fixture.host.startShim(await fixture.host.makeBundle());
    t.like(await again.state(init), { pid, status: Status.RUNNING });
    await criu.release();
    const { message = '' } = (await outcome) as { readonly message?: string };
    t.is(message.startsWith('the checkpoint failed: '), fails);
    await eventually(async () => !(await exists(path.join(stateDirectory(init.id), 'checkpoint.json'))) || undefined);
    t.is(await exists(path.join(images, 'lxcri.json')), !fails);
    t.is(await exists(images), !fails);
    await leavesNothing(t, init.id);
    if (!fails) await fixture.host.events.topicsThrough(init.id, '/tasks/checkpointed');
    // What was refused or done meanwhile does not stand in the way of the next.
    t.like(await again.state(init), { pid, status: Status.RUNNING });
    await again.kill({ ...init, signal: 9, all: false });
    t.is((await again.wait(init)).exitStatus, 137);
    await again.delete(init);
  });
}

test.serial('a dump that ends the container while there is no daemon is whole', async (t) => {
  const { task, init, images, criu } = await running(t);
  await criu.set('hold');
  const answer = task.checkpoint({ id: init.id, path: images, options: options({ exit: true }) });
  await eventually(async () => (await exists(criu.file('dump-begun'))) || undefined);
  const { monitor } = await monitorOf(fixture.host.runDir, fixture.host.namespace, init.id);
  await withoutDaemon(fixture.host.runDir, async () => {
    await criu.release();
    await eventually(async () => !(await exists(`/proc/${monitor}`)) || undefined);
  });
  await answer;
  const { task: again } = await fixture.host.startShim(await fixture.host.makeBundle());
  t.is((await again.wait(init)).exitStatus, 137);
  await eventually(async () => (await exists(path.join(images, 'lxcri.json'))) || undefined);
  await fixture.host.events.topicsThrough(init.id, '/tasks/checkpointed');
  await again.delete(init);
});

test.serial('kill -9 of the monitor during a dump', async (t) => {
  const { task, init, images, criu } = await running(t);
  await criu.set('hold');
  const lost = refusalOf(task.checkpoint({ id: init.id, path: images, options: undefined }));
  await eventually(async () => (await exists(criu.file('dump-begun'))) || undefined);
  const { monitor } = await monitorOf(fixture.host.runDir, fixture.host.namespace, init.id);
  process.kill(monitor, 'SIGKILL');
  t.regex((await lost).message, /^the checkpoint failed: /);
  t.is((await task.wait(init)).exitStatus, 137);
  t.false(await exists(images));
  await task.delete(init);
});

test('Create makes no process, Start restores it, and it is a container as any other', async (t) => {
  const { task, init, request, fifos, criu, images } = await restorable(t);
  t.is((await task.create(request)).pid, 0);
  t.like(await task.state(init), { pid: 0, status: Status.CREATED });
  t.is((await refusalOf(task.pause({ id: init.id }))).message, 'cannot pause task in created state');
  t.is((await refusalOf(task.kill({ ...init, signal: 15, all: false }))).message, 'process not created');
  const { pid } = await task.start(init);
  t.true(pid > 0);
  t.like(await task.state(init), { pid, status: Status.RUNNING });
  await fifos.shows(/^restored\n/);
  t.deepEqual((await task.pids({ id: init.id })).processes[0]?.pid, pid);
  await task.pause({ id: init.id });
  t.is((await task.state(init)).status, Status.PAUSED);
  await task.resume({ id: init.id });
  const words = (await readFile(criu.file('restore-arguments'), 'utf8')).split(' ');
  t.is(words[words.indexOf('--images-dir') + 1], images);
  await task.kill({ ...init, signal: 15, all: false });
  t.is((await task.wait(init)).exitStatus, 7);
  await task.delete(init);
  t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), [
    '/tasks/create',
    '/tasks/start',
    '/tasks/paused',
    '/tasks/resumed',
    '/tasks/exit',
    '/tasks/delete',
  ]);
});

test('one that was never started can be killed, and deleted', async (t) => {
  const killed = await restorable(t);
  await killed.task.create(killed.request);
  await killed.task.kill({ ...killed.init, signal: 9, all: true });
  t.is((await killed.task.wait(killed.init)).exitStatus, 137);
  await killed.task.delete(killed.init);
  const deleted = await restorable(t);
  await deleted.task.create(deleted.request);
  t.is((await deleted.task.delete(deleted.init)).exitStatus, 137);
});

test('a restore that fails says why, and ends the container', async (t) => {
  const { task, init, request, criu } = await restorable(t);
  await task.create(request);
  await criu.set('fail');
  const { code, message } = await refusalOf(task.start(init));
  t.is(code, Code.Unknown);
  t.is(
    message,
    'OCI runtime restore failed: OCI runtime start failed: criu restore ended with 1: this kernel is none of mine; it FAILED',
  );
  t.is((await task.wait(init)).exitStatus, 255);
  await task.delete(init);
});

test('a criu that hangs is ended with its container', async (t) => {
  const { task, init, request, criu } = await restorable(t);
  await task.create(request);
  await criu.set('hold');
  const start = refusalOf(task.start(init));
  await eventually(async () => (await exists(criu.file('restore-begun'))) || undefined);
  await task.kill({ ...init, signal: 9, all: true });
  t.regex((await start).message, /criu restore ended with 137/);
  await task.wait(init);
  await task.delete(init);
});

test('what is no checkpoint, or does not fit one, is refused by Create', async (t) => {
  const { task, request, bundle, criu } = await restorable(t);
  const criuPath = criu.program;
  const empty = path.join(bundle.dir, 'empty');
  await mkdir(empty);
  const cases: readonly (readonly [code: Code, message: RegExp, changes: Partial<CreateTaskRequest>])[] = [
    [Code.InvalidArgument, /^checkpoint is "x": expected the absolute path/, { checkpoint: 'x' }],
    [Code.InvalidArgument, /it has no lxcri\.json/, { checkpoint: empty }],
    [Code.InvalidArgument, /^options\.criu_path is "\/no"/, { options: criuOptions({ criuPath: '/no' }) }],
    [
      Code.InvalidArgument,
      /it has no lxcri\.json/,
      { checkpoint: '', options: criuOptions({ criuPath, criuImagePath: empty }) },
    ],
    [
      Code.InvalidArgument,
      /^options\.criu_work_path is "x"/,
      { options: criuOptions({ criuPath, criuWorkPath: 'x' }) },
    ],
  ];
  for (const [code, message, changes] of cases) {
    const refusal = await refusalOf(task.create({ ...request, ...changes }));
    t.is(refusal.code, code, refusal.message);
    t.regex(refusal.message, message);
  }
  const nothing = { stdin: '', stdout: '', stderr: '' };
  t.regex(
    (await refusalOf(task.create({ ...request, ...nothing }))).message,
    /^stdin is nothing, and was a FIFO when the checkpoint was made/,
  );
  t.is((await task.create(request)).pid, 0);
});

test.serial('kill -9 of the daemon before, during and after a restore', async (t) => {
  const { init, request, criu, ...shim } = await restorable(t);
  await shim.task.create(request);
  await killDaemon(fixture.host.runDir);
  const second = await fixture.host.startShim(await fixture.host.makeBundle());
  t.like(await second.task.state(init), { pid: 0, status: Status.CREATED });
  await criu.set('hold');
  const start = second.task.start(init);
  await eventually(async () => (await exists(criu.file('restore-begun'))) || undefined);
  await killDaemon(fixture.host.runDir);
  const third = await fixture.host.startShim(await fixture.host.makeBundle());
  t.is((await third.task.state(init)).status, Status.CREATED);
  await criu.release();
  const { pid } = await start;
  t.like(await third.task.state(init), { pid, status: Status.RUNNING });
  t.true(pid > 0);
  await killDaemon(fixture.host.runDir);
  const fourth = await fixture.host.startShim(await fixture.host.makeBundle());
  t.like(await fourth.task.state(init), { pid, status: Status.RUNNING });
  await fourth.task.kill({ ...init, signal: 15, all: false });
  t.is((await fourth.task.wait(init)).exitStatus, 7);
  await fourth.task.delete(init);
  t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), [
    '/tasks/create',
    '/tasks/start',
    '/tasks/exit',
    '/tasks/delete',
  ]);
});

test.serial('kill -9 of the monitor of a restored container', async (t) => {
  const { task, init, request } = await restorable(t);
  await task.create(request);
  const { pid } = await task.start(init);
  const { monitor } = await monitorOf(fixture.host.runDir, fixture.host.namespace, init.id);
  process.kill(monitor, 'SIGKILL');
  t.is((await task.wait(init)).exitStatus, 137);
  await eventually(async () => !(await exists(`/proc/${pid}`)) || undefined);
  await task.delete(init);
});
