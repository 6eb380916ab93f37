import test, { type ExecutionContext } from 'ava';
import { eventually } from '../support/eventually.ts';
import { Nerdctl } from '../support/nerdctl.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { RUNTIME } from '../support/runtimes.ts';
import { useScreenPrograms } from '../support/screen-programs.ts';
import { Tmux } from '../support/tmux.ts';
import { useContainerd } from '../support/with-containerd.ts';

/* nerdctl, with its networks, its loggers and its terminals. */
let nerdctl: Nerdctl;
// Before the hooks that follow, whose last one looks for what is left.
test.serial.after.always('remove the network', () => nerdctl.stop());
const fixture = useContainerd(test, { ownNetwork: true });

test.serial.before('build nerdctl', async (t) => {
  t.timeout(10 * 60_000);
  nerdctl = await Nerdctl.build(fixture.containerd);
});

const runArgs = (flags: readonly string[], command: readonly string[]) => [
  'run',
  ...['--runtime', RUNTIME, '--network', nerdctl.network, ...flags],
  BUSYBOX_IMAGE.name,
  ...command,
];

/** `nerdctl run -d`; the container goes when the test ends. */
async function detached(t: ExecutionContext, name: string, command: readonly string[], flags: readonly string[] = []) {
  await nerdctl.run(runArgs(['--detach', '--name', name, ...flags], command));
  t.teardown(async () => {
    await nerdctl.run(['rm', '--force', name]);
  });
}

test.serial('a container has its network before it runs', async (t) => {
  const output = await nerdctl.run(runArgs(['--rm'], ['ip', '-4', 'addr', 'show', 'eth0']));
  t.regex(output, /inet 10\.\d+\.\d+\.\d+\/24/);
});

test.serial('exit statuses are its own', async (t) => {
  t.is((await nerdctl.try(runArgs(['--rm'], ['sh', '-c', 'exit 42']))).code, 42);
  t.regex((await nerdctl.try(runArgs(['--rm'], ['ehco']))).stderr, /executable file not found/);
});

test.serial('what comes by stdin ends when it does, also before the container is there', async (t) => {
  t.is((await nerdctl.try(runArgs(['--rm', '--interactive'], ['cat']), 'a word')).stdout, 'a word');
});

test.serial('containers find each other by name, and the host a published port', async (t) => {
  const serve = 'mkdir /www; echo "a page" > /www/index.html; exec httpd -f -h /www';
  await detached(t, 'web', ['sh', '-c', serve], ['--publish', '127.0.0.1:18080:80']);
  const fromContainer = await eventually(async () => {
    const { code, stdout } = await nerdctl.try(runArgs(['--rm'], ['wget', '-qO-', 'http://web/']));
    return code === 0 ? stdout : undefined;
  });
  t.is(fromContainer, 'a page');
  const { stdout, stderr } = await nerdctl.inNetwork(['busybox', 'wget', '-qO-', 'http://127.0.0.1:18080/']);
  t.is(stdout, 'a page', stderr);
});

test.serial('logs are kept by nerdctl’s own logger, and followed', async (t) => {
  await detached(t, 'talks', ['sh', '-c', 'for n in 1 2 3; do echo line $n; echo error $n >&2; sleep 0.2; done']);
  const { stdout, stderr } = await nerdctl.try(['logs', '--follow', 'talks']);
  t.is(stdout, 'line 1\nline 2\nline 3');
  t.is(stderr, 'error 1\nerror 2\nerror 3');
});

test.serial('what is done to a container that runs', async (t) => {
  await detached(t, 'runs', ['sleep', '1000']);
  t.is(await nerdctl.run(['exec', '--user', '1000:1001', 'runs', 'id', '-u']), '1000');
  t.regex((await nerdctl.try(['exec', 'runs', 'sh', '-c', 'exit 9'])).stderr, /exit code 9/);
  t.regex(await nerdctl.run(['top', 'runs']), /sleep 1000/);
  await nerdctl.run(['update', '--memory', '64m', 'runs']);
  t.regex(await nerdctl.run(['stats', '--no-stream', '--format', '{{.MemUsage}}', 'runs']), /\/ 64MiB/);
  await nerdctl.run(['pause', 'runs']);
  t.is(await nerdctl.run(['inspect', '--format', '{{.State.Status}}', 'runs']), 'paused');
  await nerdctl.run(['unpause', 'runs']);
  await nerdctl.run(['stop', '--time', '0', 'runs']);
  t.is(await nerdctl.run(['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'runs']), 'exited 137');
  await nerdctl.run(['start', 'runs']);
  t.is(await nerdctl.run(['exec', 'runs', 'echo', 'again']), 'again');
});

test.serial('a person in a terminal: top, vi, Ctrl-C, and a shell beside', async (t) => {
  const [, ...args] = runArgs(['--interactive', '--tty', '--rm', '--name', 'person'], ['sh']);
  const tmux = await Tmux.run(t, nerdctl.command(['run', ...args]), fixture.containerd.environment);
  await tmux.shows(/ #$/m);
  await useScreenPrograms(tmux);
  await tmux.enter('sleep 1000');
  await tmux.press('C-c');
  await tmux.enter('echo status $?');
  await tmux.shows(/status 130/);
  const beside = await Tmux.run(
    t,
    nerdctl.command(['exec', '--interactive', '--tty', 'person', 'sh', '-c', 'stty size; cat /tmp/note']),
    fixture.containerd.environment,
    { columns: 91, rows: 31 },
  );
  t.is(await beside.exitStatus(), 0);
  await beside.shows(/some words/);
  await tmux.enter('exit 5');
  t.is(await tmux.exitStatus(), 5);
});
