import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventually } from '../support/eventually.ts';
import { newExec } from '../support/execs.ts';
import { refusalOf } from '../support/refusal.ts';
import { isAlive } from '../support/processes.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { createRequest, type Shim } from '../support/shim-host.ts';
import { killDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const IS_RUNC = RUNTIME === RUNC;

/** Notes what it was given, says that it is ready, and writes what it hears into files beside itself. */
const LOGGER = `#!/bin/sh
cd "$(dirname "$0")"
echo $$ >pid
printf '%s|' "$@" >arguments
env | grep ^CONTAINER_ | sort >environment
ls -l /proc/self/ns/net >network
[ ! -e wait ] || while [ -e wait ]; do sleep 0.02; done
echo >&5
exec 5>&-
cat <&4 >err &
cat <&3 >out
wait
[ ! -e linger ] || { trap 'echo asked >asked; exit 0' TERM; while :; do sleep 0.05; done; }
`;

async function withLogger(shim: Shim, name = 'logger') {
  const directory = shim.bundle.dir;
  const program = path.join(directory, name);
  await writeFile(program, LOGGER);
  await chmod(program, 0o755);
  return {
    stdout: `binary://${program}?--key=a%20value&second=`,
    read: (file: string) => readFile(path.join(directory, file), 'utf8'),
    write: (file: string) => writeFile(path.join(directory, file), ''),
  };
}

test('a logger gets both outputs, its arguments, and whose output it is', async (t) => {
  const shim = await fixture.shim(t, { args: ['sh', '-c', 'echo one; echo two >&2; echo three >/dev/stdout'] });
  const { stdout, read } = await withLogger(shim);
  const init = { id: shim.bundle.id, execId: '' };
  await shim.task.create(createRequest(shim.bundle, { stdout, stderr: stdout }));
  await shim.task.start(init);
  t.is((await shim.task.wait(init)).exitStatus, 0);
  await shim.task.delete(init);
  t.is(await read('out'), 'one\nthree\n');
  t.is(await read('err'), 'two\n');
  t.deepEqual((await read('arguments')).split('|').slice(0, 4).sort(), ['', '--key', 'a value', 'second']);
  t.is(await read('environment'), `CONTAINER_ID=${init.id}\nCONTAINER_NAMESPACE=${fixture.host.namespace}\n`);
  t.false(await isAlive(Number(await read('pid'))));
});

test('the container is not there before its logger is ready', async (t) => {
  const shim = await fixture.shim(t, { args: ['sleep', '1000'] });
  const { stdout, read, write } = await withLogger(shim);
  await write('wait');
  let created = false;
  const creating = shim.task.create(createRequest(shim.bundle, { stdout })).then(() => (created = true));
  await eventually(() => read('network'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.false(created);
  await rm(path.join(shim.bundle.dir, 'wait'));
  await creating;
  t.is((await shim.task.state({ id: shim.bundle.id, execId: '' })).status, Status.CREATED);
});

test('a terminal’s output goes to a logger too', async (t) => {
  const shim = await fixture.shim(t, {
    args: ['sh', '-c', 'tty; seq 1 10000'],
    edit: ({ process }) => {
      process.terminal = true;
    },
  });
  const { stdout, read } = await withLogger(shim);
  const init = { id: shim.bundle.id, execId: '' };
  await shim.task.create(createRequest(shim.bundle, { stdout, terminal: true }));
  await shim.task.start(init);
  await shim.task.wait(init);
  await shim.task.delete(init);
  const lines = (await read('out')).split('\r\n');
  t.is(lines[0], '/dev/pts/0');
  t.is(lines.at(-2), '10000');
  t.is(lines.length, 10_002);
});

test('an exec may have a logger of its own', async (t) => {
  const container = await fixture.running(t, ['sleep', '1000']);
  const { stdout, read } = await withLogger(container);
  const exec = await newExec(container).add(['sh', '-c', 'echo hello'], {}, { stdout, stderr: stdout });
  await exec.start();
  t.is((await exec.wait()).exitStatus, 0);
  await exec.delete();
  t.is(await read('out'), 'hello\n');
  t.regex(await read('environment'), new RegExp(`^CONTAINER_ID=${exec.ref.execId}\n`));
});

test('a logger that does not end by itself is asked to', async (t) => {
  t.timeout(30_000);
  const shim = await fixture.shim(t, { args: ['true'] });
  const { stdout, read, write } = await withLogger(shim);
  await write('linger');
  const init = { id: shim.bundle.id, execId: '' };
  await shim.task.create(createRequest(shim.bundle, { stdout }));
  await shim.task.start(init);
  await shim.task.wait(init);
  await shim.task.delete(init);
  // runc's shim asks before the logger has read all there is, and this one may not listen yet.
  if (!IS_RUNC) t.is(await eventually(() => read('asked')), 'asked\n');
  t.false(await isAlive(Number(await read('pid'))));
});

test('a logger that cannot be started is named', async (t) => {
  const shim = await fixture.shim(t, { args: ['true'] });
  const { message } = await refusalOf(shim.task.create(createRequest(shim.bundle, { stdout: 'binary:///no/such' })));
  t.regex(message, /\/no\/such: no such file or directory/i);
});

if (!IS_RUNC) {
  test.serial('a logger goes on when the daemon dies, and hears the end', async (t) => {
    const shim = await fixture.shim(t, { args: ['sh', '-c', 'while [ ! -e /go ]; do sleep 0.02; done; echo late'] });
    const { stdout, read } = await withLogger(shim);
    const init = { id: shim.bundle.id, execId: '' };
    const { pid } = await shim.task.create(createRequest(shim.bundle, { stdout }));
    await shim.task.start(init);
    await killDaemon(fixture.host.runDir);
    await writeFile(`/proc/${pid}/root/go`, '');
    const { task } = await fixture.host.startShim(shim.bundle);
    await task.wait(init);
    await task.delete(init);
    t.is(await read('out'), 'late\n');
  });
}
