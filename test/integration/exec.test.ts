import { readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Code } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { encodeSpec, execute, newExec, processSpec, type ProcessSpec } from '../support/execs.ts';
import { eventually } from '../support/eventually.ts';
import { FifoReader } from '../support/fifo-reader.ts';
import { makeFifo } from '../support/make-fifo.ts';
import { refusalOf } from '../support/refusal.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { createRequest } from '../support/shim-host.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const IS_RUNC = RUNTIME === RUNC;

/** What a call is refused with; the class that Go's errors end in is cut off by containerd. */
async function refused(call: Promise<unknown>) {
  const { code, message } = await refusalOf(call);
  return { code, message: message.replace(/: (not found|already exists|failed precondition)$/, '') };
}

const SLEEP = ['sleep', '1000'];

test('an exec runs in the container, and its output and status come back', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const { pid, status, deleted, stdout, stderr } = await execute(container, [
    'sh',
    '-c',
    'hostname; cat /proc/1/comm; echo oops >&2; exit 7',
  ]);
  t.is(status, 7);
  t.is(deleted.exitStatus, 7);
  t.is(deleted.pid, pid);
  t.regex(stdout, /\nsleep\n$/);
  // runc's shim writes both to the file of stdout.
  t.is(IS_RUNC ? 'oops\n' : stderr, 'oops\n');
});

test('it joins every namespace, cgroup and the root of the container', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const exec = await newExec(container).add(SLEEP);
  const pid = await exec.start();
  for (const name of ['mnt', 'pid', 'ipc', 'uts', 'net', 'cgroup', 'user', 'time']) {
    const [own, theirs] = await Promise.all([
      readlink(`/proc/${pid}/ns/${name}`),
      readlink(`/proc/${container.pid}/ns/${name}`),
    ]);
    t.is(own, theirs, name);
  }
  t.is(await readFile(`/proc/${pid}/cgroup`, 'utf8'), await readFile(`/proc/${container.pid}/cgroup`, 'utf8'));
  t.is((await exec.state()).pid, pid);
  t.is((await exec.state()).status, Status.RUNNING);
  await exec.kill(9);
  t.is((await exec.wait()).exitStatus, 137);
  t.is((await exec.state()).status, Status.STOPPED);
  await exec.delete();
});

test('user, groups, directory, environment, limits, umask and capabilities are its own', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const { stdout, status } = await execute(
    container,
    [
      'sh',
      '-c',
      'id -u; id -g; id -G; pwd; echo $A; umask; ulimit -c; grep -E "^(CapEff|CapBnd|CapAmb|NoNewPrivs)" /proc/self/status',
    ],
    {
      user: { uid: 1000, gid: 1001, additionalGids: [5, 6], ...(IS_RUNC ? {} : { umask: 0o27 }) },
      cwd: '/tmp',
      env: ['PATH=/bin:/usr/bin', 'A=b c'],
      rlimits: [{ type: 'RLIMIT_CORE', soft: 1024, hard: 2048 }],
      noNewPrivileges: true,
      capabilities: {
        bounding: ['CAP_KILL', 'CAP_CHOWN'],
        permitted: ['CAP_KILL'],
        effective: ['CAP_KILL'],
        inheritable: ['CAP_KILL'],
        ambient: ['CAP_KILL'],
      },
    },
  );
  t.is(status, 0);
  t.deepEqual(stdout.trim().split('\n'), [
    ...['1000', '1001', '1001 5 6', '/tmp', 'b c', IS_RUNC ? '0022' : '0027', '2'],
    ...['CapEff:\t0000000000000020', 'CapBnd:\t0000000000000021', 'CapAmb:\t0000000000000020', 'NoNewPrivs:\t1'],
  ]);
});

test('what it does not say is as the container has it', async (t) => {
  const container = await fixture.running(t, SLEEP, {
    edit: ({ process }) => {
      process['rlimits'] = [{ type: 'RLIMIT_CORE', soft: 512, hard: 1024 }];
      process['capabilities'] = { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], effective: ['CAP_KILL'] };
      process['oomScoreAdj'] = 321;
    },
  });
  const { stdout } = await execute(
    container,
    ['sh', '-c', 'ulimit -c; grep CapEff /proc/self/status; cat /proc/self/oom_score_adj'],
    { capabilities: undefined },
  );
  // runc's execs have the limits of whoever started containerd.
  t.is(stdout.replace(/^\d+/, IS_RUNC ? '1' : '$&'), '1\nCapEff:\t0000000000000020\n321\n');
});

test('signals reach it alone, and its status tells which', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const exec = await newExec(container).add([
    'sh',
    '-c',
    'trap "exit 12" TERM; echo ready; while :; do sleep 0.05; done',
  ]);
  await exec.start();
  await eventually(async () => (await exec.stdout()).includes('ready') || undefined);
  await exec.kill(15);
  t.is((await exec.wait()).exitStatus, 12);
  t.is((await container.task.state(container.init)).status, Status.RUNNING);
  t.deepEqual(await refused(exec.kill(15)), { code: Code.NotFound, message: 'process already finished' });
});

test('what cannot be executed fails at its start, in words that Docker knows, and can be deleted', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const cases: [args: string[], changes: ProcessSpec, text: RegExp][] = [
    [['nope'], {}, /exec: "nope": executable file not found in \$PATH/],
    [['/nope'], {}, /exec: "\/nope": stat \/nope: no such file or directory/],
    [['/etc/passwd'], {}, /exec: "\/etc\/passwd": permission denied/],
    [['/etc'], {}, /exec: "\/etc": (is a directory|permission denied)/],
    [['true'], { cwd: '/etc/passwd' }, /cwd.*not a directory/i],
  ];
  for (const [args, changes, text] of cases) {
    const exec = await newExec(container).add(args, changes);
    const { message } = await refusalOf(exec.start());
    t.regex(message, /^OCI runtime exec failed: /);
    t.regex(message, text);
    const { status, pid } = await exec.state();
    t.is(status, Status.CREATED);
    t.is(pid, 0);
    const deleted = await exec.delete();
    t.is(deleted.exitStatus, 0);
    t.deepEqual((await refusalOf(exec.state())).code, Code.NotFound);
  }
});

test('the id of an exec that is deleted can be had again', async (t) => {
  const container = await fixture.running(t, SLEEP);
  for (let round = 0; round < 2; round++) {
    const exec = await newExec(container, 'again').add(['true']);
    t.is((await refusalOf(newExec(container, 'again').add(['true']))).code, Code.AlreadyExists);
    await exec.start();
    t.is((await exec.wait()).exitStatus, 0);
    await exec.delete();
  }
  await container.task.kill({ ...container.init, signal: 9, all: false });
  await container.task.wait(container.init);
  await container.task.delete(container.init);
  const topics = await fixture.host.events.topicsThrough(container.init.id, '/tasks/delete');
  const round = ['/tasks/exec-added', '/tasks/exec-started', '/tasks/exit'];
  t.deepEqual(topics, ['/tasks/create', '/tasks/start', ...round, ...round, '/tasks/exit', '/tasks/delete']);
});

test('a hundred at once', async (t) => {
  t.timeout(120_000);
  const container = await fixture.running(t, SLEEP);
  const count = IS_RUNC ? 20 : 100;
  const results = await Promise.all(
    Array.from({ length: count }, (_, index) => execute(container, ['sh', '-c', `echo ${index}; exit ${index}`])),
  );
  results.forEach(({ status, stdout }, index) => {
    t.is(status, index);
    t.is(stdout, `${index}\n`);
  });
});

test('execs end, and are reported, before the first process', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const execs = await Promise.all([1, 2, 3].map(() => newExec(container).add(SLEEP)));
  for (const exec of execs) await exec.start();
  const waits = execs.map((exec) => exec.wait());
  await container.task.kill({ ...container.init, signal: 9, all: false });
  for (const { exitStatus } of await Promise.all(waits)) t.is(exitStatus, 137);
  await container.task.wait(container.init);
  for (const exec of execs) t.is((await exec.delete()).exitStatus, 137);
  await container.task.delete(container.init);
  const topics = await fixture.host.events.topicsThrough(container.init.id, '/tasks/delete');
  t.deepEqual(topics.slice(-5), ['/tasks/exit', '/tasks/exit', '/tasks/exit', '/tasks/exit', '/tasks/delete']);
  const exits = fixture.host.events.of(container.init.id).filter(({ topic }) => topic === '/tasks/exit');
  t.is(exits.at(-1)?.id, container.init.id);
});

test('Pids tells which process is which exec', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const exec = await newExec(container).add(SLEEP);
  const pid = await exec.start();
  const { processes } = await container.task.pids({ id: container.init.id });
  const types = new Map(processes.map((process) => [process.pid, process.info?.typeUrl]));
  t.deepEqual([...types.keys()].sort(), [container.pid, pid].sort());
  t.is(types.get(pid), 'containerd.runc.v1.ProcessDetails');
  t.is(types.get(container.pid), undefined);
});

test('calls that do not fit are refused as runc’s shim does', async (t) => {
  const container = await fixture.running(t, SLEEP);
  const { task, init } = container;
  const exec = newExec(container);
  t.deepEqual(await refused(exec.start()), {
    code: Code.NotFound,
    message: `process does not exist ${exec.ref.execId}`,
  });
  await exec.add(SLEEP);
  t.deepEqual(await refused(exec.kill(9)), { code: Code.FailedPrecondition, message: 'process not created' });
  await exec.start();
  t.is((await refusalOf(exec.start())).message, 'cannot start a running process');
  t.is((await refusalOf(exec.delete())).message, 'cannot delete a running process');
  await task.pause({ id: init.id });
  t.is((await exec.state()).status, Status.PAUSED);
  t.is((await refusalOf(newExec(container).add(SLEEP))).message, 'cannot exec in a paused state');
  await task.resume({ id: init.id });
  const late = await newExec(container).add(SLEEP);
  await task.kill({ ...init, signal: 9, all: true });
  await task.wait(init);
  t.is((await refusalOf(newExec(container).add(SLEEP))).message, 'cannot exec in a stopped state');
  const { message } = await refusalOf(late.start());
  t.regex(message, IS_RUNC ? /stopped|not running/ : /init process is not running/);
});

if (!IS_RUNC) {
  test('bad requests are told what is wrong, and change nothing', async (t) => {
    const container = await fixture.running(t, SLEEP);
    const { task, init } = container;
    const request = { ...{ id: init.id, execId: 'bad', terminal: false }, stdin: '', stdout: '', stderr: '' };
    const spec = encodeSpec(processSpec(SLEEP));
    const cases: [changes: object, text: RegExp][] = [
      [{ execId: '../bad' }, /^exec id "..\/bad" is not valid/],
      [{ execId: '' }, /^exec id "" is not valid/],
      [{ spec: undefined }, /^spec is missing/],
      [{ spec: { ...spec, value: Buffer.from('{') } }, /process spec is not valid JSON/],
      [{ spec: encodeSpec([]) }, /process spec/],
      [{ spec: encodeSpec({ ...processSpec([]) }) }, /process spec: args/],
      [{ spec: encodeSpec(processSpec(SLEEP, { scheduler: { policy: 'SCHED_IDLE' } })) }, /process.scheduler/],
      [{ stdout: 'relative' }, /^stdout is "relative": expected an absolute path/],
    ];
    for (const [changes, text] of cases) {
      const { code, message } = await refusalOf(task.exec({ ...request, spec, ...changes }));
      t.is(code, Code.InvalidArgument, message);
      t.regex(message, text);
    }
    t.is((await refusalOf(task.state({ id: init.id, execId: 'bad' }))).code, Code.NotFound);
  });
}

// runc's shim does not start a process before somebody reads its output.
if (!IS_RUNC) {
  /** What a client does that opens its end late: it gives up on it when Delete is answered. */
  async function readBeside(t: ExecutionContext, deleted: Promise<unknown>, fifo: string): Promise<string> {
    let isAnswered = false;
    const answer = deleted.then(() => {
      isAnswered = true;
    });
    await sleep(300);
    t.false(isAnswered);
    const text = await FifoReader.attach(fifo).text();
    await answer;
    return text;
  }

  test('Delete waits for who is about to open the FIFO of an exec, or of a container', async (t) => {
    const container = await fixture.running(t, SLEEP);
    const stdout = path.join(container.bundle.dir, 'late');
    await makeFifo(stdout);
    const exec = await newExec(container).add(['echo', 'from the exec'], {}, { stdout, stderr: '' });
    await exec.start();
    await exec.wait();
    t.is(await readBeside(t, exec.delete(), stdout), 'from the exec\n');

    const shim = await fixture.shim(t, { args: ['echo', 'from the container'] });
    const ref = { id: shim.bundle.id, execId: '' };
    await shim.task.create(createRequest(shim.bundle, { stdout, stderr: '' }));
    await shim.task.start(ref);
    await shim.task.wait(ref);
    t.is(await readBeside(t, shim.task.delete(ref), stdout), 'from the container\n');
  });

  test('Delete waits for nobody who never comes', async (t) => {
    const container = await fixture.running(t, SLEEP);
    const stdout = path.join(container.bundle.dir, 'unread');
    await makeFifo(stdout);
    const exec = await newExec(container).add(['echo', 'to nobody'], {}, { stdout, stderr: '' });
    await exec.start();
    await exec.wait();
    await t.notThrowsAsync(exec.delete());
  });
}

test('nothing is told of execs once the container’s end is', async (t) => {
  const container = await fixture.running(t, ['sleep', '1000']);
  const { task, init } = container;
  const flood = Array.from({ length: 40 }, () =>
    newExec(container)
      .add(['true'])
      .catch(() => undefined),
  );
  await task.kill({ ...init, signal: 9, all: false });
  const more = Array.from({ length: 40 }, () =>
    newExec(container)
      .add(['true'])
      .catch(() => undefined),
  );
  await task.wait(init);
  await task.delete(init);
  await Promise.all([...flood, ...more]);
  await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(fixture.host.events.of(init.id).at(-1)?.topic, '/tasks/delete');
});
