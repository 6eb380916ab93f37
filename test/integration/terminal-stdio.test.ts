import { open } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import type { BundleOptions } from '../support/shim-bundle.ts';
import { createRequest } from '../support/shim-host.ts';
import { eventually } from '../support/eventually.ts';
import { newExec } from '../support/execs.ts';
import { refusalOf } from '../support/refusal.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const IS_RUNC = RUNTIME === RUNC;

/** A container with a terminal, and its FIFOs; `output` is what has come out of it so far. */
async function withTerminal(t: ExecutionContext, args: readonly string[], options: BundleOptions = {}) {
  const shim = await fixture.shim(t, {
    ...options,
    args,
    edit: (spec) => {
      spec.process.terminal = true;
      options.edit?.(spec);
    },
  });
  const [stdin, stdout] = ['in', 'out'].map((name) => path.join(shim.bundle.dir, `tty-${name}`)) as [string, string];
  await execa('mkfifo', [stdin, stdout], { timeout: 10_000 });
  const reader = execa('cat', [stdout], { timeout: 60_000, stripFinalNewline: false, reject: false });
  t.teardown(() => reader.kill());
  let output = '';
  reader.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const writer = open(stdin, 'w');
  const { pid } = await shim.task.create(createRequest(shim.bundle, { terminal: true, stdin, stdout }));
  const input = await writer;
  t.teardown(() => input.close());
  const init = { id: shim.bundle.id, execId: '' };
  return {
    ...shim,
    ...{ pid, init, input },
    output: () => output,
    shows: (what: RegExp) => eventually(() => (what.test(output) ? output : undefined)),
    /** All of the output, once the terminal is closed. */
    rest: async () => (await reader).stdout,
  };
}

const lines = (text: string) => text.replaceAll('\r\n', '\n');

test('all output comes, also what is written just before the end', async (t) => {
  t.timeout(60_000);
  for (let round = 0; round < 10; round++) {
    const { task, init, rest } = await withTerminal(t, ['sh', '-c', 'seq 1 20000; echo the end; exit 9']);
    await task.start(init);
    t.is((await task.wait(init)).exitStatus, 9);
    const output = lines(await rest());
    t.is(output.length, 108_894 + 'the end\n'.length);
    t.true(output.endsWith('\n20000\nthe end\n'));
    await task.delete(init);
  }
});

test('a size is taken from config.json, before the start, and while it runs', async (t) => {
  const { task, init, shows } = await withTerminal(t, ['sh', '-c', 'while :; do stty size; read x || exit; done'], {
    edit: (spec) => {
      spec.process['consoleSize'] = { height: 11, width: 22 };
    },
  });
  if (!IS_RUNC) {
    await task.resizePty({ ...init, width: 44, height: 33 });
    await task.start(init);
    await shows(/33 44/);
  } else {
    await task.start(init);
  }
  await task.resizePty({ ...init, width: 66, height: 55 });
  await task.resizePty({ ...init, width: 0, height: 0 });
  t.pass();
});

test('the terminal is the session’s, and what is typed is input', async (t) => {
  const { task, init, input, shows, rest } = await withTerminal(t, ['sh']);
  await task.start(init);
  await input.write('test -c /dev/console && tty </dev/console; stty size; ps -o tty,comm | grep sh\n');
  await shows(/\/dev\/(pts\/0|console)/);
  await shows(/136,0 +sh/);
  // The end of the client's input is no end of the terminal's: only Ctrl-D is.
  await task.closeIO({ ...init, stdin: true });
  await task.kill({ ...init, signal: 9, all: false });
  t.is((await task.wait(init)).exitStatus, 137);
  await rest();
});

test('a client that does not read holds up its own container alone', async (t) => {
  const { task, init, bundle } = await fixture.created(t, { args: ['sleep', '1000'] });
  await task.start(init);
  const stalled = path.join(bundle.dir, 'stalled');
  await execa('mkfifo', [stalled], { timeout: 10_000 });
  const reader = await open(stalled, 'r+');
  t.teardown(() => reader.close());
  const exec = newExec({ task, bundle, init });
  await exec.add(
    ['sh', '-c', 'while :; do echo 0123456789012345678901234567890123456789; done'],
    {},
    {
      terminal: true,
      stdout: stalled,
      stderr: '',
    },
  );
  await exec.start();
  const other = await newExec({ task, bundle, init }).add(['sh', '-c', 'seq 1 1000']);
  await other.start();
  t.is((await other.wait()).exitStatus, 0);
  await exec.kill(9);
  t.is((await exec.wait()).exitStatus, 137);
  // Nobody will read what is left.
  await exec.delete();
});

test('an exec may have a terminal where the container has none', async (t) => {
  const { task, init, bundle } = await fixture.created(t, { args: ['sleep', '1000'] });
  await task.start(init);
  const exec = newExec({ task, bundle, init });
  // containerd 1.6 has no terminals whose output goes to a file.
  if (IS_RUNC) return void t.pass();
  await exec.add(
    ['sh', '-c', 'stty size; tty'],
    { consoleSize: { height: 12, width: 34 } },
    { terminal: true, stderr: '' },
  );
  await task.resizePty({ ...exec.ref, width: 78, height: 56 });
  await exec.start();
  t.is((await exec.wait()).exitStatus, 0);
  await exec.delete();
  t.is(lines(await exec.stdout()), '56 78\n/dev/pts/0\n');
});

test('a resize without a terminal is none', async (t) => {
  const { task, init } = await fixture.running(t, ['sleep', '1000']);
  await task.resizePty({ ...init, width: 80, height: 24 });
  await task.kill({ ...init, signal: 9, all: false });
  await task.wait(init);
  t.is((await task.state(init)).status, Status.STOPPED);
  await task.resizePty({ ...init, width: 80, height: 24 });
});

if (!IS_RUNC) {
  test('a terminal that cannot be is refused, and nothing is left', async (t) => {
    const shim = await fixture.shim(t, { args: ['true'] });
    const { message } = await refusalOf(shim.task.create(createRequest(shim.bundle, { terminal: true })));
    t.is(message, 'terminal is true, and process.terminal in config.json is false: make them the same');
    const none = await fixture.shim(t, {
      edit: (spec) => {
        spec.process.terminal = true;
        spec.mounts = spec.mounts.filter(({ destination }) => destination !== '/dev/pts');
      },
    });
    const refusal = await refusalOf(none.task.create(createRequest(none.bundle, { terminal: true })));
    t.regex(refusal.message, /process\.terminal: cannot open \/dev\/pts\/ptmx in the container: .*mount a devpts/);
    const { task, init } = await fixture.running(t, ['sleep', '1000']);
    t.regex(
      (await refusalOf(task.resizePty({ ...init, width: 70_000, height: 1 }))).message,
      /^width is 70000: expected 0 to 65535/,
    );
  });
}
