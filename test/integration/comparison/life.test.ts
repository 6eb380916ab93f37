import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientTask } from '../../support/client-task.ts';
import { BAD_INPUT, comparison, type Answer, type Difference } from '../../support/compare.ts';
import { eventually } from '../../support/eventually.ts';

/* A container from its creation to its removal, and what is asked of it at the wrong moment. */

const SLEEP = ['sleep', '1000'];
const CREATING_MS = 300;
/** A call that is not answered by then waits for something, however slow the machine. */
const WAITING_MS = 2000;
/** Ends with a status when it is told to. */
const STOPPABLE = ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.02; done'];

comparison.same(
  'a life, with its events',
  async (task, step) => {
    await task.define(STOPPABLE);
    await step('create', () => task.create());
    await step('state, created', () => task.state());
    await step('start', () => task.start());
    await step('state, running', () => task.state());
    await task.says('ready');
    await step('kill', () => task.kill(15));
    await step('wait', () => task.wait());
    await step('state, stopped', () => task.state());
    await step('wait, when it has ended', () => task.wait());
    await step('delete', () => task.delete());
    await step('state, deleted', () => task.state());
    await step('events', () => task.events('/tasks/delete'));
  },
  {},
  {
    create: { ok: { pid: 'alive' } },
    wait: { ok: { exitStatus: 7, exited: true } },
    events: { ok: ['/tasks/create', '/tasks/start', '/tasks/exit ID 7', '/tasks/delete 7'] },
  },
);

for (const status of [0, 1, 127, 255]) {
  comparison.same(`the exit status ${status}`, async (task, step) => {
    await task.run(['sh', '-c', `exit ${status}`]);
    await step('wait', () => task.wait());
    await step('state', () => task.state());
    await step('delete', () => task.delete());
    await step('events', () => task.events('/tasks/delete'));
  });
}

comparison.same('the end by a signal', async (task, step) => {
  await task.run(SLEEP);
  await step('SIGKILL', () => task.kill(9));
  await step('wait', () => task.wait());
  await step('delete', () => task.delete());
});

comparison.same('output is complete after the end', async (task, step) => {
  await task.run(['sh', '-c', 'seq 1 20000']);
  await task.wait();
  await task.delete();
  await step('output', () => task.output());
});

comparison.same('a container that is killed before it was started', async (task, step) => {
  await task.define(SLEEP);
  await task.create();
  await step('kill', () => task.kill(9));
  await step('wait', () => task.wait());
  await step('state', () => task.state());
  await step('start', () => task.start());
  await step('delete', () => task.delete());
  await step('events', () => task.events('/tasks/delete'));
});

const deleted = (exitStatus: number, exited: boolean): Answer => ({ ok: { id: '', exitStatus, exited, pid: true } });

comparison.same(
  'a container that is deleted before it was started',
  async (task, step) => {
    await task.define(SLEEP);
    await task.create();
    await step('delete', () => task.delete());
    await step('state', () => task.state());
  },
  {
    delete: {
      row: 'Delete of a container that was never started',
      ours: deleted(137, true),
      theirs: [deleted(0, false), deleted(137, true)],
    },
  },
);

const ENDED: Difference = {
  row: 'Kill of all processes of a container that has ended',
  ours: { code: 5, says: ['already finished', 'not found'] },
  theirs: [{ ok: undefined }, { code: 5, says: ['already finished', 'not found'] }],
};

comparison.same(
  'everything twice',
  async (task, step) => {
    await task.define(SLEEP);
    await task.create();
    await step('create again', () => task.create());
    await task.start();
    await step('start again', () => task.start());
    await step('delete while it runs', () => task.delete());
    await task.kill(9);
    await task.wait();
    await step('kill what has ended', () => task.kill(9));
    await step('kill all of what has ended', () => task.kill(9, { all: true }));
    await step('start what has ended', () => task.start());
    await task.delete();
    await step('delete again', () => task.delete());
    await step('kill what is deleted', () => task.kill(9));
    await step('wait for what is deleted', () => task.wait());
    await step('start what is deleted', () => task.start());
  },
  { 'kill all of what has ended': ENDED },
);

comparison.same(
  'signals that are none',
  async (task, step) => {
    await task.define(SLEEP);
    await task.create();
    await step('0, created', () => task.kill(0));
    await task.start();
    await step('0', () => task.kill(0));
    await step('64', () => task.kill(64));
    await step('65', () => task.kill(65));
    await step('99', () => task.kill(99));
    await step('4294967295', () => task.kill(4_294_967_295));
    await step('99 for all', () => task.kill(99, { all: true }));
    await step('it still runs', () => task.state());
  },
  { 65: BAD_INPUT, 99: BAD_INPUT, 4294967295: BAD_INPUT, '99 for all': BAD_INPUT },
);

comparison.same('SIGKILL for all', async (task, step) => {
  await task.run(['sh', '-c', 'sleep 1000 & sleep 1000']);
  await step('kill', () => task.kill(9, { all: true }));
  await step('wait', () => task.wait());
});

comparison.same('a container that never was', async (task, step) => {
  await step('create', () => task.create());
  await step('start', () => task.start());
  await step('state', () => task.state());
  await step('kill', () => task.kill(9));
  await step('delete', () => task.delete());
  await step('pause', () => task.pause());
  await step('pids', () => task.pids());
});

/** Resolves once the shim has the task: it has an answer for it, or keeps whoever asks waiting. */
async function appears(task: ClientTask): Promise<void> {
  await eventually(
    () => {
      const isThere = task.state().then(
        () => true,
        (error: unknown) => (String(error).includes('not found') ? undefined : true),
      );
      return Promise.race([isThere, sleep(WAITING_MS, true)]);
    },
    { timeoutMs: 60_000 },
  );
}

comparison.same('calls while it is being created wait for that', async (task, step) => {
  await task.define(SLEEP);
  const { creation, attach } = await task.createSlowly();
  await appears(task);
  // Its create has come to the stream by then, however slow the machine: before that, runc's shim knows no container.
  await sleep(CREATING_MS);
  const calls = [
    step('state', () => task.state()),
    step('closeIO', () => task.closeStdin()),
    step('resize', () => task.resize(80, 24)),
    step('pids', () => task.pids()),
  ];
  await sleep(CREATING_MS / 2);
  attach();
  await Promise.all(calls);
  await step('create', () => creation);
});

const DIRECTORY: Difference = {
  row: 'A directory as the program',
  ours: { code: 2, says: ['OCI runtime create failed', 'is a directory'] },
  theirs: [
    { code: 2, says: ['OCI runtime create failed', 'permission denied'] },
    { code: 2, says: ['OCI runtime create failed', 'is a directory'] },
  ],
};

const UNSTARTABLE: readonly (readonly [name: string, args: readonly string[], flags?: readonly string[]])[] = [
  ['a program that is not in PATH', ['ehco', 'hello']],
  ['a path that leads nowhere', ['/bin/ehco']],
  ['a path through a file', ['/etc/passwd/sh']],
  ['a file that may not be executed', ['/etc/passwd']],
  ['a directory', ['/etc']],
  ['a working directory that is a file', ['true'], ['--cwd', '/etc/passwd']],
  ['a mount whose source is missing', ['true'], ['--mount', 'type=bind,src=/no/such/place,dst=/mnt,options=rbind']],
];

for (const [name, args, flags = []] of UNSTARTABLE) {
  comparison.same(
    `what cannot be started: ${name}`,
    async (task, step) => {
      await task.define(args, flags);
      await step('create', () => task.create());
      await step('start', () => task.start());
      await step('state', () => task.state());
      await step('delete', () => task.delete());
    },
    name === 'a directory' ? { create: DIRECTORY } : {},
  );
}

comparison.same('a working directory that is missing is made', async (task, step) => {
  await task.define(['pwd'], ['--cwd', '/no/such/place']);
  await step('create', () => task.create());
  await step('start', () => task.start());
  await step('wait', () => task.wait());
});

const stream = (reason: string): Difference => ({
  row: 'Streams that cannot be opened',
  ours: { code: 2, says: [reason, 'OCI runtime create failed'].sort() },
  theirs: [{ code: 2, says: [reason] }],
});

comparison.same(
  'streams that cannot be opened',
  async (task, step) => {
    await task.define(['true']);
    await step('a directory', () => task.create({ stdout: 'file:///proc' }));
    await step('an unknown scheme', () => task.create({ stdout: 'gopher://out' }));
    await step('a logger that is missing', () => task.create({ stdout: 'binary:///no/such/logger' }));
    await step('state', () => task.state());
  },
  {
    'a directory': stream('is a directory'),
    'an unknown scheme': BAD_INPUT,
    'a logger that is missing': stream('no such file or directory'),
  },
);
