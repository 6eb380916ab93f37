import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { BUSYBOX_IMAGE, writeImageArchive } from '../support/oci-image.ts';
import { LXCRI } from '../support/runtimes.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { CHECKOUT_BIN, CHECKOUT_PATH } from './checkout.ts';
import { useVm } from './with-vm.ts';

/* Docker, with this shim as a runtime of its containerd. */
const fixture = useVm(test);

const DROP_IN = '/run/systemd/system/containerd.service.d/lxcri.conf';
const UNIT = path.resolve(import.meta.dirname, '../../packaging/systemd/lxcri-shim.service');
const SHIM = `${CHECKOUT_BIN}/containerd-shim-lxcri-v1`;
const START_MS = 180_000;
const COMMAND_MS = 120_000;

test.serial.before('start Docker', async (t) => {
  t.timeout(600_000);
  const { vm } = fixture;
  await vm.succeed(['mkdir', '-p', path.dirname(DROP_IN)]);
  await vm.succeed(['tee', DROP_IN], { input: `[Service]\nEnvironment=PATH=${CHECKOUT_PATH}\n` });
  await vm.succeed(['systemctl', 'daemon-reload']);
  await vm.succeed(['systemctl', 'start', 'docker'], { timeoutMs: START_MS });
  const directory = await makeTempDir();
  const archive = path.join(directory, 'images.tar');
  await writeImageArchive(archive);
  await vm.copyIn(archive, '/tmp/images.tar');
  await rm(directory, { recursive: true });
  await vm.succeed(['docker', 'load', '--input', '/tmp/images.tar'], { timeoutMs: COMMAND_MS });
});

const docker = (...args: readonly string[]) => fixture.vm.run(['docker', ...args], { timeoutMs: COMMAND_MS });
const run = (flags: readonly string[], ...command: readonly string[]) =>
  docker('run', '--runtime', LXCRI, ...flags, BUSYBOX_IMAGE.name, ...command);

test.serial('a container has the network that libnetwork made, before it runs', async (t) => {
  const { stdout, stderr, exitCode } = await run(['--rm'], 'ip', '-4', 'addr', 'show', 'eth0');
  t.is(exitCode, 0, stderr);
  t.regex(stdout, /inet 172\.\d+\.\d+\.\d+\/16/);
});

test.serial('exit statuses are those that Docker knows', async (t) => {
  t.is((await run(['--rm'], 'sh', '-c', 'exit 42')).exitCode, 42);
  t.is((await run(['--rm'], 'ehco')).exitCode, 127);
  t.is((await run(['--rm'], '/etc/passwd')).exitCode, 126);
});

test.serial('what is done to a container that runs', async (t) => {
  const started = await run(
    ['--detach', '--name', 'runs', '--publish', '127.0.0.1:18080:80'],
    ...['sh', '-c', 'mkdir /www; echo "a page" > /www/index.html; echo ready; exec httpd -f -h /www'],
  );
  t.is(started.exitCode, 0, started.stderr);
  t.is((await docker('exec', '--user', '1000:1001', 'runs', 'id', '-u')).stdout, '1000\n');
  t.is((await docker('exec', 'runs', 'sh', '-c', 'exit 9')).exitCode, 9);
  t.is((await docker('logs', 'runs')).stdout, 'ready\n');
  t.is((await fixture.vm.run(['busybox', 'wget', '-qO-', 'http://127.0.0.1:18080/'])).stdout, 'a page\n');
  t.regex((await docker('top', 'runs')).stdout, /httpd/);
  t.is((await docker('update', '--memory', '64m', '--memory-swap', '64m', 'runs')).exitCode, 0);
  t.regex((await docker('stats', '--no-stream', '--format', '{{.MemUsage}}', 'runs')).stdout, /\/ 64MiB/);
  t.is((await docker('pause', 'runs')).exitCode, 0);
  t.is((await docker('inspect', '--format', '{{.State.Status}}', 'runs')).stdout, 'paused\n');
  t.is((await docker('unpause', 'runs')).exitCode, 0);
  t.is((await docker('restart', '--time', '0', 'runs')).exitCode, 0);
  t.is((await docker('exec', 'runs', 'echo', 'again')).stdout, 'again\n');
  t.is((await docker('stop', '--time', '0', 'runs')).exitCode, 0);
  t.is((await docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'runs')).stdout, 'exited 137\n');
  t.is((await docker('rm', 'runs')).exitCode, 0);
});

test.serial('systemctl reload replaces the daemon, and no container notices', async (t) => {
  const { vm } = fixture;
  const unit = await readFile(UNIT, 'utf8');
  await vm.succeed(['tee', '/etc/systemd/system/lxcri-shim.service'], {
    input: unit.replaceAll('/usr/bin/', `${CHECKOUT_BIN}/`),
  });
  await vm.succeed(['systemd-analyze', 'verify', '--man=no', 'lxcri-shim.service']);
  await vm.succeed(['systemctl', 'start', 'lxcri-shim.service']);
  const sleep = [
    '--network',
    'none',
    BUSYBOX_IMAGE.name,
    'sh',
    '-c',
    'trap "exit 5" TERM; while :; do sleep 0.1; done',
  ];
  t.is((await docker('run', '--runtime', LXCRI, '--detach', '--name', 'stays', ...sleep)).exitCode, 0);
  const daemon = async () => /^daemon (\d+)$/m.exec((await vm.run([SHIM, 'status'])).stdout)?.[1];
  const before = await daemon();
  await vm.succeed(['systemctl', 'reload', 'lxcri-shim.service'], { timeoutMs: COMMAND_MS });
  const after = await daemon();
  t.true(Number(before) > 0 && Number(after) > 0 && before !== after, `${before} ${after}`);
  t.is((await docker('exec', 'stays', 'echo', 'still')).stdout, 'still\n');
  t.is((await docker('stop', 'stays')).exitCode, 0);
  t.is((await docker('inspect', '--format', '{{.State.ExitCode}}', 'stays')).stdout, '5\n');
  t.is((await docker('rm', 'stays')).exitCode, 0);
});

test.serial('an exec that cannot be started ends as it does with runc', async (t) => {
  const sleep = ['--detach', '--network', 'none', BUSYBOX_IMAGE.name, 'sleep', '1000'];
  t.is((await docker('run', '--runtime', LXCRI, '--name', 'here', ...sleep)).exitCode, 0);
  t.is((await docker('run', '--name', 'there', ...sleep)).exitCode, 0);
  for (const program of ['ehco', '/etc/passwd']) {
    const [here, there] = [await docker('exec', 'here', program), await docker('exec', 'there', program)];
    t.is(here.exitCode, there.exitCode, `${program}: ${here.stderr}${there.stderr}`);
  }
  t.is((await docker('rm', '--force', 'here', 'there')).exitCode, 0);
});

test.serial('Docker’s profiles confine it', async (t) => {
  const { stdout } = await run(['--rm'], 'sh', '-c', 'cat /proc/self/attr/current; grep Seccomp: /proc/self/status');
  t.regex(stdout, /^docker-default \(enforce\)$/m);
  t.regex(stdout, /^Seccomp:\s+2$/m);
  const refused = await run(
    ['--rm'],
    'sh',
    '-c',
    'echo x > /proc/sysrq-trigger; mount -t tmpfs none /mnt; unshare -U true',
  );
  t.regex(refused.stderr, /sysrq-trigger: (Permission denied|Read-only)/);
  t.regex(refused.stderr, /mount: .*(permission denied|Operation not permitted)/i);
});

test.serial('a container that eats its memory is killed, and Docker knows why', async (t) => {
  const eater = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60';
  const { exitCode } = await run(['--name', 'eats', '--memory', '32m', '--memory-swap', '32m'], 'sh', '-c', eater);
  t.is(exitCode, 137);
  t.is((await docker('inspect', '--format', '{{.State.OOMKilled}}', 'eats')).stdout, 'true\n');
  t.is((await docker('rm', 'eats')).exitCode, 0);
});
