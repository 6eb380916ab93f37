import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../common/errors.ts';
import { ConnectRequest, ConnectResponse, TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { refusalOf } from '../support/refusal.ts';
import { createRequest, type Shim } from '../support/shim-host.ts';
import { grpcTransport, ttrpcTransport, type TaskTransport } from '../support/task-transports.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/* The same answers to the same calls, whichever way they come: from one table, over one socket. */
const fixture = useShimHost(test);

const TRANSPORTS: Readonly<Record<string, (shim: Shim) => Promise<TaskTransport>>> = {
  'ttrpc v2': async ({ address }) => ttrpcTransport(await fixture.host.connect(address), 'v2'),
  'ttrpc v3': async ({ address }) => ttrpcTransport(await fixture.host.connect(address), 'v3'),
  'gRPC v3': ({ address }) => Promise.resolve(grpcTransport(address, '')),
};

/** What a call is answered with: the reply, or code and text. */
const outcome = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error: unknown) => {
    if (error instanceof StatusError) return [error.code, error.message];
    throw error;
  });

const YEAR_ONE = { seconds: -62135596800n, nanos: 0 };
const NOT_CREATED = [Code.NotFound, 'container not created'];
const NO_EXEC = [Code.NotFound, 'process does not exist nope'];
const FINISHED = [Code.NotFound, 'process already finished'];
const badSignal = (signal: number) => [Code.InvalidArgument, `signal is ${signal}: expected 0 to 64`];

type Task = TaskTransport['task'];
type Init = { readonly id: string; readonly execId: string };

/** Every method that asks about a process, none of which changes one that is not there. */
const questions = (task: Task, init: Init) => [
  task.state(init),
  task.start(init),
  task.delete(init),
  task.wait(init),
  task.kill({ ...init, signal: 9, all: false }),
  task.closeIO({ ...init, stdin: true }),
];
const outcomes = (calls: Promise<unknown>[]) => Promise.all(calls.map(outcome));

const kill = (task: Task, init: Init, signal: number, all = false) => outcome(task.kill({ ...init, signal, all }));

async function beforeCreate(t: ExecutionContext, task: Task, init: Init): Promise<void> {
  t.deepEqual(await outcomes(questions(task, init)), Array<unknown>(6).fill(NOT_CREATED));
  t.deepEqual(await outcomes(questions(task, { ...init, execId: 'nope' })), Array<unknown>(6).fill(NOT_CREATED));
  t.deepEqual(await outcome(task.pids({ id: init.id })), NOT_CREATED);
  t.like(await task.connect({ id: init.id }), { taskPid: 0 });
  t.deepEqual(await task.shutdown({ id: init.id, now: false }), {});
}

async function whileCreated(t: ExecutionContext, task: Task, init: Init, pid: number): Promise<void> {
  t.like(await task.state(init), { id: init.id, pid, status: Status.CREATED, exitStatus: 0, exitedAt: YEAR_ONE });
  t.deepEqual(await outcomes(questions(task, { ...init, execId: 'nope' })), Array<unknown>(6).fill(NO_EXEC));
  t.deepEqual(await task.pids({ id: init.id }), { processes: [{ pid, info: undefined }] });
  t.deepEqual(await kill(task, init, 0), {});
  t.deepEqual(await kill(task, init, 99), badSignal(99));
  t.deepEqual(await kill(task, init, 4294967295), badSignal(4294967295));
  t.deepEqual(await kill(task, init, 99, true), badSignal(99));
  t.deepEqual(await outcome(task.closeIO({ ...init, stdin: true })), {});
}

async function whileRunning(t: ExecutionContext, task: Task, init: Init, pid: number): Promise<void> {
  t.deepEqual(await outcome(task.start(init)), [Code.Unknown, 'cannot start a running process']);
  t.deepEqual(await outcome(task.delete(init)), [Code.Unknown, 'cannot delete a running process']);
  t.deepEqual(await task.shutdown({ id: init.id, now: true }), {});
  t.like(await task.state(init), { pid, status: Status.RUNNING, exitStatus: 0, exitedAt: YEAR_ONE });
  t.like(await task.connect({ id: init.id }), { taskPid: pid });
  t.deepEqual(await kill(task, init, 0, true), {});
}

async function afterExit(t: ExecutionContext, task: Task, init: Init, exit: object): Promise<void> {
  t.deepEqual(await task.wait(init), exit);
  t.like(await task.state(init), { status: Status.STOPPED, ...exit });
  t.deepEqual(await kill(task, init, 9), FINISHED);
  t.deepEqual(await kill(task, init, 9, true), FINISHED);
  t.deepEqual(await outcome(task.start(init)), [Code.Unknown, 'cannot start a stopped process']);
  t.deepEqual(await outcome(task.closeIO({ ...init, stdin: true })), {});
}

for (const [name, open] of Object.entries(TRANSPORTS)) {
  test(`a life over ${name}`, async (t) => {
    const shim = await fixture.shim(t, { args: ['sleep', '1000'] });
    const { task, close } = await open(shim);
    t.teardown(close);
    const { bundle } = shim;
    const init = { id: bundle.id, execId: '' };

    await beforeCreate(t, task, init);
    const { pid } = await task.create(createRequest(bundle));
    t.deepEqual(await outcome(task.create(createRequest(bundle))), [
      Code.AlreadyExists,
      `container ${bundle.id} exists already`,
    ]);
    await whileCreated(t, task, init, pid);
    const waits = [task.wait(init), task.wait(init)];
    t.deepEqual(await task.start(init), { pid });
    await whileRunning(t, task, init, pid);
    t.deepEqual(await kill(task, init, 9, true), {});
    const [exit, ...others] = await Promise.all(waits);
    t.is(exit?.exitStatus, 137);
    t.deepEqual(others, [exit]);
    await afterExit(t, task, init, exit ?? {});
    t.deepEqual(await task.delete(init), { pid, exitStatus: 137, exitedAt: exit?.exitedAt });
    await beforeCreate(t, task, init);
  });

  test(`bytes that are no message over ${name}`, async (t) => {
    const shim = await fixture.shim(t);
    const { call, close } = await open(shim);
    t.teardown(close);
    // A length beyond the end, a wire type that does not exist, a number without end, a group that is not closed.
    const garbage = ['0aff01', '0f', 'ffffffffffffffffffffffff', '0b'].map((hex) => Buffer.from(hex, 'hex'));
    for (const { name: method } of Object.values(TaskDefinition.methods)) {
      for (const bytes of garbage) {
        const { code, message } = await refusalOf(call(method, bytes));
        t.is(code, Code.InvalidArgument, `${method}: ${message}`);
        t.true(message.startsWith(`the request to ${method} cannot be decoded: `));
      }
    }
  });
}

test('the namespace is that of the socket, whatever the caller says', async (t) => {
  const { task, bundle, client, address } = await fixture.created(t);
  const { pid } = await task.state({ id: bundle.id, execId: '' });
  const request = ConnectRequest.encode({ id: bundle.id }).finish();
  const metadata = { 'containerd-namespace-ttrpc': 'another' };
  const reply = await client.call('containerd.task.v2.Task', 'Connect', request, { metadata });
  t.is(ConnectResponse.decode(reply).taskPid, pid);
  const grpc = grpcTransport(address, 'another');
  t.teardown(grpc.close);
  t.is((await grpc.task.connect({ id: bundle.id })).taskPid, pid);
});

test('clients of all kinds, at the same time', async (t) => {
  const { init, pid, ...shim } = await fixture.running(t, ['sleep', '1000']);
  const opened = Array.from({ length: 20 }, () => Object.values(TRANSPORTS).map((open) => open(shim)));
  const transports = await Promise.all(opened.flat());
  for (const { close } of transports) t.teardown(close);
  const waits = transports.map(({ task }) => task.wait(init));
  const states = await Promise.all(
    transports.flatMap(({ task }) => Array.from({ length: 10 }, () => task.state(init))),
  );
  t.is(states.length, 600);
  for (const state of states) t.like(state, { pid, status: Status.RUNNING });
  await shim.task.kill({ ...init, signal: 9, all: false });
  const exits = await Promise.all(waits);
  t.deepEqual(new Set(exits.map(({ exitStatus }) => exitStatus)), new Set([137]));
});
