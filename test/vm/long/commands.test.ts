/** The way into the machine: what a command gets and gives arrives as it is. */
import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { makeTempDir } from '../../support/temp-dir.ts';
import { startVm } from '../start-vm.ts';
import { useVm } from '../with-vm.ts';

const fixture = useVm(test);

const shell = (script: string, ...args: string[]) => fixture.vm.run(['sh', '-c', script, 'sh', ...args]);

test('exit codes, and signals as 128 + n', async (t) => {
  for (const code of [0, 1, 42, 255]) t.is((await shell(`exit ${code}`)).exitCode, code);
  t.deepEqual(await shell('kill -KILL $$'), { exitCode: 137, stdout: '', stderr: '' });
  t.deepEqual(await shell('sh -c "kill -KILL $$"; sleep 9'), { exitCode: 137, stdout: '', stderr: '' });
  t.deepEqual(await shell('kill -SEGV $$'), { exitCode: 139, stdout: '', stderr: '' });
});

test('a program that is not there', async (t) => {
  const { exitCode, stderr } = await fixture.vm.run(['no-such-program']);
  t.is(exitCode, 127);
  t.regex(stderr, /no-such-program/);
});

test('stdout and stderr, each by itself', async (t) => {
  const result = await shell("printf 'out\\n\\n'; printf ' err ' >&2; exit 3");
  t.deepEqual(result, { exitCode: 3, stdout: 'out\n\n', stderr: ' err ' });
});

test('arguments as they are', async (t) => {
  const awkward = ['', ' ', "it's", '"$HOME"', '`id`', 'a\nb', '\\', '*', '-n', 'ü€😀', '$(id)', ';', 'a=b'];
  const { stdout } = await fixture.vm.run(['printf', '[%s]', ...awkward]);
  t.is(stdout, awkward.map((word) => `[${word}]`).join(''));
});

test('stdin, which is empty unless given', async (t) => {
  const input = randomBytes(3_000_000).toString('hex');
  t.is((await fixture.vm.run(['cat'], { input })).stdout, input);
  t.is((await fixture.vm.run(['cat'])).stdout, '');
});

test('environment and directory', async (t) => {
  const { stdout } = await fixture.vm.run(['sh', '-c', 'echo "$A|$PWD"'], { env: { A: "x 'y' z" }, cwd: '/tmp' });
  t.is(stdout, "x 'y' z|/tmp\n");
  t.is((await fixture.vm.run(['pwd'])).stdout, '/work\n');
});

test('many at once', async (t) => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => shell('sleep 1; echo "$1"', String(index))),
  );
  t.deepEqual(
    results.map(({ stdout }) => stdout),
    Array.from({ length: 20 }, (_, index) => `${index}\n`),
  );
});

test('what takes too long is killed, in the machine too', async (t) => {
  await t.throwsAsync(fixture.vm.run(['sh', '-c', 'sleep 4711; true'], { timeoutMs: 1500 }), {
    message: /took longer/,
  });
  t.is((await fixture.vm.run(['pgrep', '-f', 'sleep 471[1]'])).exitCode, 1);
});

test('a signal to a running command', async (t) => {
  const command = fixture.vm.spawn([
    'sh',
    '-c',
    'trap "echo caught; exit 7" TERM; echo ready; while :; do sleep 0.1; done',
  ]);
  await new Promise((resolve) => command.child.stdout?.once('data', resolve));
  await command.kill('SIGTERM');
  const { exitCode, stdout } = await command.child;
  t.is(exitCode, 7);
  t.is(stdout, 'ready\ncaught\n');
});

test('files and directories, in and out', async (t) => {
  const dir = await makeTempDir();
  t.teardown(() => rm(dir, { recursive: true }));
  await mkdir(path.join(dir, 'in/below'), { recursive: true });
  const content = randomBytes(1_000_000);
  await writeFile(path.join(dir, 'in/below/file'), content, { mode: 0o751 });
  await symlink('below/file', path.join(dir, 'in/link'));
  await fixture.vm.copyIn(path.join(dir, 'in'), '/tmp/new/directory');
  await fixture.vm.copyOut('/tmp/new/directory', path.join(dir, 'out'));
  t.is(await readlink(path.join(dir, 'out/link')), 'below/file');
  t.deepEqual(await readFile(path.join(dir, 'out/link')), content);
  t.is((await stat(path.join(dir, 'out/below/file'))).mode & 0o777, 0o751);
  await fixture.vm.copyIn(path.join(dir, 'in/below/file'), '/tmp/other/file');
  t.is((await fixture.vm.run(['stat', '-c', '%a', '/tmp/other/file'])).stdout, '751\n');
  await fixture.vm.copyOut('/tmp/other/file', path.join(dir, 'single'));
  t.deepEqual(await readFile(path.join(dir, 'single')), content);
});

test('a second machine beside this one, with nothing in common', async (t) => {
  const second = await startVm();
  try {
    await second.succeed(['sh', '-c', 'echo second >/root/file; zpool create other /dev/disk/by-id/virtio-scratch']);
    t.is((await fixture.vm.run(['cat', '/root/file'])).exitCode, 1);
    t.is((await fixture.vm.run(['zpool', 'list', '-H', 'other'])).exitCode, 1);
    const random = () => ['head', '-c', '16', '/proc/sys/kernel/random/uuid'];
    t.not(await second.succeed(random()), await fixture.vm.succeed(random()));
  } finally {
    await second.stop();
  }
  await t.throwsAsync(access(second.runDirectory));
  await t.throwsAsync(second.run(['true']), { message: /the VM is gone/ });
});
