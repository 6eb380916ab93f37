import { mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { DeleteResponse } from '../../../proto/gen/containerd/task/v2/task.ts';
import { CleanupRequest } from '../../../proto/gen/proxmox/lxcri/v1/shim.ts';
import { Request } from '../../../proto/gen/ttrpc.ts';
import { World } from './support/world.ts';

const ifRoot = process.getuid?.() === 0 ? test : test.skip;

type Deletion = Awaited<ReturnType<World['delete']>>;

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function responseOf(t: ExecutionContext, { exitCode, stdout, stderr }: Deletion): DeleteResponse {
  t.is(text(stderr), '');
  t.is(exitCode, 0);
  return DeleteResponse.decode(stdout);
}

function assertUnknown(t: ExecutionContext, response: DeleteResponse): void {
  t.is(response.pid, 0);
  t.is(response.exitStatus, 137);
  const age = Date.now() / 1000 - Number(response.exitedAt?.seconds);
  t.true(age >= 0 && age < 10, `exited ${age} s ago`);
}

/** What the stand-in daemon answers. */
function assertAnswered(t: ExecutionContext, response: DeleteResponse): void {
  t.is(response.pid, 4242);
  t.is(response.exitStatus, 7);
}

test('a container that nobody knows is answered at once, and nothing is created', async (t) => {
  const world = await World.create(t);
  for (let i = 0; i < 2; i++) assertUnknown(t, responseOf(t, await world.delete('hello')));
  t.deepEqual((await readdir(world.dir)).sort(), ['bin', 'bundle', 'lib']);
});

test('a deleted container is answered without a word to the daemon that runs', async (t) => {
  const world = await World.create(t);
  await world.start();
  assertUnknown(t, responseOf(t, await world.delete('hello')));
  await t.throwsAsync(stat(path.join(world.runDir, 'request')), { code: 'ENOENT' });
});

test('delete works without -bundle, from the bundle, and from a bundle that is gone', async (t) => {
  const world = await World.create(t);
  const flags = ['-namespace', 'default', '-id', 'hello'];
  t.is((await world.run([...flags, 'delete'])).exitCode, 0);
  t.is((await world.run([...flags, '-bundle', path.join(world.dir, 'gone'), 'delete'])).exitCode, 0);
  t.is((await world.run([...flags, '-bundle', '/' + 'x'.repeat(5000), 'delete'])).exitCode, 1);
});

ifRoot('all that is mounted on the rootfs is unmounted', async (t) => {
  const world = await World.create(t);
  const rootfs = path.join(world.bundle, 'rootfs');
  await mkdir(rootfs);
  t.teardown(() => execa('umount', ['-l', rootfs], { reject: false }));
  for (let i = 0; i < 3; i++) await execa('mount', ['-t', 'tmpfs', 'lxcri-test', rootfs]);
  assertUnknown(t, responseOf(t, await world.delete('hello')));
  await rm(rootfs, { recursive: true });
  await t.throwsAsync(stat(rootfs), { code: 'ENOENT' });
});

ifRoot('a busy rootfs is detached, with a warning', async (t) => {
  const world = await World.create(t);
  const rootfs = path.join(world.bundle, 'rootfs');
  await mkdir(rootfs);
  t.teardown(() => execa('umount', ['-l', rootfs], { reject: false }));
  await execa('mount', ['-t', 'tmpfs', 'lxcri-test', rootfs]);
  const user = execa('sleep', ['20'], { cwd: rootfs, reject: false });
  const { exitCode, stdout, stderr } = await world.delete('hello');
  user.kill('SIGKILL');
  t.is(exitCode, 0);
  t.regex(text(stderr), /rootfs is busy: unmounting it lazily/);
  assertUnknown(t, DeleteResponse.decode(stdout));
  await rm(rootfs, { recursive: true });
});

ifRoot('a rootfs that is a link to another mount is left alone', async (t) => {
  const world = await World.create(t);
  const other = path.join(world.dir, 'other');
  await mkdir(other);
  await execa('mount', ['-t', 'tmpfs', 'lxcri-test', other]);
  t.teardown(() => execa('umount', ['-l', other], { reject: false }));
  await writeFile(path.join(other, 'file'), '');
  await symlink(other, path.join(world.bundle, 'rootfs'));
  responseOf(t, await world.delete('hello'));
  t.deepEqual(await readdir(other), ['file']);
});

test('a known container is the daemon’s to clean up, and its answer is passed on', async (t) => {
  const world = await World.create(t);
  await world.start();
  await world.makeState('hello');
  assertAnswered(t, responseOf(t, await world.delete('hello')));
  t.is((await world.startReports()).length, 1);

  const request = await readFile(path.join(world.runDir, 'request'));
  t.is(request.readUInt32BE(0), request.length - 10);
  t.deepEqual([...request.subarray(4, 10)], [0, 0, 0, 1, 1, 0]);
  const { service, method, payload, timeoutNano, metadata } = Request.decode(request.subarray(10));
  t.is(`${service}/${method}`, 'proxmox.lxcri.v1.Shim/Cleanup');
  t.true(timeoutNano > 1_000_000_000n && timeoutNano <= 4_500_000_000n);
  t.deepEqual(metadata, [{ key: 'containerd-namespace-ttrpc', value: 'default' }]);
  t.deepEqual(CleanupRequest.decode(payload), { namespace: 'default', id: 'hello', bundle: world.bundle });
});

test('where no keeper runs, one is started for it', async (t) => {
  const world = await World.create(t);
  await world.makeState('hello');
  assertAnswered(t, responseOf(t, await world.delete('hello')));
  await world.onlyReport();
});

test('a keeper that was killed is replaced for it', async (t) => {
  const world = await World.create(t);
  await world.start();
  await world.ping();
  await world.kill(await world.keeper());
  await world.makeState('hello');
  assertAnswered(t, responseOf(t, await world.delete('hello')));
  t.is((await world.startReports()).length, 2);
});

test('a daemon that dies of the task is followed by one that does it', async (t) => {
  const world = await World.create(t);
  await world.start();
  const pid = await world.ping();
  await writeFile(path.join(await world.makeState('hello'), 'die'), '');
  assertAnswered(t, responseOf(t, await world.delete('hello')));
  t.not(await world.ping(), pid);
});

test('a daemon that cannot be started is a failure with its reason', async (t) => {
  const world = await World.create(t);
  await writeFile(path.join(world.libDir, 'crash'), '');
  await world.makeState('hello');
  const { exitCode, stderr } = await world.delete('hello');
  t.is(exitCode, 1);
  t.true(text(stderr).includes('cannot be started') && text(stderr).includes(world.log), text(stderr));
});

test('the daemon’s refusal is a failure with its words', async (t) => {
  const world = await World.create(t);
  await world.makeState('refused');
  const { exitCode, stdout, stderr } = await world.delete('refused');
  t.is(exitCode, 1);
  t.is(text(stdout), '');
  t.is(text(stderr), 'containerd-shim-lxcri-v1: no way (code 13)');
});

for (const id of ['garbage', 'huge'])
  test(`an answer that is ${id} is a failure`, async (t) => {
    const world = await World.create(t);
    await world.makeState(id);
    const { exitCode, stdout, stderr } = await world.delete(id);
    t.is(exitCode, 1);
    t.is(text(stdout), '');
    t.true(text(stderr).includes(world.namespaceSocket), text(stderr));
  });

test('a container that goes away while the daemon is asked is gone, which is what was wanted', async (t) => {
  const world = await World.create(t);
  await world.makeState('gone');
  assertUnknown(t, responseOf(t, await world.delete('gone')));
});

test('delete gives up before containerd does', async (t) => {
  const world = await World.create(t);
  await world.makeState('silent');
  const before = performance.now();
  const silent = await world.delete('silent');
  t.is(silent.exitCode, 1);
  t.true(text(silent.stderr).includes('did not answer in time'), text(silent.stderr));
  t.true(performance.now() - before < 5000);
});

test('delete gives up on a keeper that holds its lock and does not listen', async (t) => {
  const world = await World.create(t);
  await world.makeState('hello');
  await mkdir(world.daemonDir, { mode: 0o700 });
  const holder = execa('flock', [world.lock, 'sh', '-c', 'echo locked; exec sleep 10'], { reject: false });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const before = performance.now();
  const { exitCode, stderr } = await world.delete('hello');
  t.is(exitCode, 1);
  t.true(text(stderr).includes(world.keeperLog), text(stderr));
  t.true(performance.now() - before < 5000);
  holder.kill('SIGKILL');
});
