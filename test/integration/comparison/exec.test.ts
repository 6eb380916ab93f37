import { encodeSpec, processSpec } from '../../support/execs.ts';
import { BAD_INPUT, comparison } from '../../support/compare.ts';

/* Processes beside a container’s first one. */

const SLEEP = ['sleep', '1000'];

comparison.same(
  'an exec’s life, with its events',
  async (task, step) => {
    await task.run(SLEEP);
    await step('exec', () =>
      task.exec('one', ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.02; done']),
    );
    await step('state, added', () => task.state('one'));
    await step('start', () => task.start('one'));
    await step('state, running', () => task.state('one'));
    await task.says('ready', 'one');
    // Its shell has a sleep now and then.
    await step('pids', async () => [...new Set(await task.pids())]);
    await step('kill', () => task.kill(15, { execId: 'one' }));
    await step('wait', () => task.wait('one'));
    await step('state, stopped', () => task.state('one'));
    await step('delete', () => task.delete('one'));
    await step('state, deleted', () => task.state('one'));
    await task.kill(9);
    await task.wait();
    await task.delete();
    await step('events', () => task.events('/tasks/delete'));
  },
  {},
  {
    pids: { ok: ['exec one', 'process'] },
    wait: { ok: { exitStatus: 3, exited: true } },
    events: {
      ok: [
        '/tasks/create',
        '/tasks/start',
        '/tasks/exec-added',
        '/tasks/exec-started',
        '/tasks/exit one 3',
        '/tasks/exit ID 137',
        '/tasks/delete 137',
      ],
    },
  },
);

comparison.same(
  'output and exit statuses',
  async (task, step) => {
    await task.run(SLEEP);
    for (const status of [0, 1, 126, 255]) {
      await step(`exit ${status}`, () => task.execute(`e${status}`, ['sh', '-c', `echo said; exit ${status}`]));
    }
    for (const signal of ['TERM', 'KILL', 'SEGV', 'INT', 'USR1']) {
      await step(`death by ${signal}`, () => task.execute(`s${signal}`, ['sh', '-c', `kill -${signal} $$`]));
    }
  },
  {},
  {
    'exit 255': { ok: { exitStatus: 255, output: 'said\n' } },
    'death by SEGV': { ok: { exitStatus: 139, output: '' } },
  },
);

comparison.same('what a process has of its own', async (task, step) => {
  await task.run(SLEEP);
  const id = ['sh', '-c', 'id; pwd; echo "$A $HOME"; umask; grep -E "Cap(Prm|Eff|Bnd)|NoNewPrivs" /proc/self/status'];
  await step('nothing', () => task.execute('plain', id));
  const user = { uid: 1000, gid: 1001, additionalGids: [5, 6] };
  await step('user', () => task.execute('user', id, { user }));
  await step('cwd and env', () => task.execute('env', id, { cwd: '/etc', env: ['A=b c', 'HOME=/tmp', 'PATH=/bin'] }));
  await step('no new privileges', () => task.execute('nnp', id, { noNewPrivileges: true }));
  await step('no capabilities', () => task.execute('caps', id, { capabilities: {} }));
  const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
  await step('limits', () => task.execute('limits', ['sh', '-c', 'ulimit -n; ulimit -H -n'], { rlimits }));
});

comparison.same(
  'what cannot be started, and is deleted',
  async (task, step) => {
    await task.run(SLEEP);
    const cases: Readonly<Record<string, readonly string[]>> = {
      'a program that is not in PATH': ['ehco'],
      'a path that leads nowhere': ['/bin/ehco'],
      'a path through a file': ['/etc/passwd/sh'],
      'a file that may not be executed': ['/etc/passwd'],
      'a directory': ['/etc'],
    };
    for (const [index, [name, args]] of Object.entries(cases).entries()) {
      const id = `e${index}`;
      await step(`exec: ${name}`, () => task.exec(id, args));
      await step(`start: ${name}`, () => task.start(id));
      await step(`state: ${name}`, () => task.state(id));
      await step(`delete: ${name}`, () => task.delete(id));
    }
    await step('a working directory that is missing', async () => {
      await task.exec('cwd', ['pwd'], { cwd: '/no/such/place' });
      await task.start('cwd');
    });
    await step('a working directory that is a file', async () => {
      await task.exec('cwd2', ['pwd'], { cwd: '/etc/passwd' });
      await task.start('cwd2');
    });
    await step('the container goes on', () => task.state());
  },
  {
    'start: a directory': {
      row: 'A directory as the program',
      ours: { code: 2, says: ['OCI runtime exec failed', 'is a directory'] },
      theirs: [
        { code: 2, says: ['OCI runtime exec failed', 'permission denied'] },
        { code: 2, says: ['OCI runtime exec failed', 'is a directory'] },
      ],
    },
  },
);

comparison.same('an exec, everything twice', async (task, step) => {
  await task.run(SLEEP);
  await task.exec('one', SLEEP);
  await step('the same id', () => task.exec('one', SLEEP));
  await step('kill before the start', () => task.kill(9, { execId: 'one' }));
  await task.start('one');
  await step('start again', () => task.start('one'));
  await step('delete while it runs', () => task.delete('one'));
  await task.kill(9, { execId: 'one' });
  await task.wait('one');
  await step('kill what has ended', () => task.kill(9, { execId: 'one' }));
  await step('start what has ended', () => task.start('one'));
  await task.delete('one');
  await step('delete again', () => task.delete('one'));
  await step('the same id, free again', () => task.execute('one', ['true']));
  await task.exec('two', SLEEP);
  await step('delete what was never started', () => task.delete('two'));
});

comparison.same('ids that nobody has', async (task, step) => {
  await task.run(SLEEP);
  await step('start', () => task.start('nobody'));
  await step('state', () => task.state('nobody'));
  await step('kill', () => task.kill(9, { execId: 'nobody' }));
  await step('wait', () => task.wait('nobody'));
  await step('resize', () => task.resize(80, 24, 'nobody'));
  await step('closeIO', () => task.closeStdin('nobody'));
  await step('delete', () => task.delete('nobody'));
  await step('an id with a slash', () => task.exec('../up', ['true']));
  await step('an empty id', () => task.exec('', ['true']));
  await step('a long id', () => task.exec('x'.repeat(77), ['true']));
});

comparison.same(
  'specs that are none',
  async (task, step) => {
    await task.run(SLEEP);
    const { typeUrl } = encodeSpec({});
    const add = (id: string, spec: { typeUrl: string; value: Buffer }) => async () => {
      await task.exec(id, [], {}, { spec });
      await task.start(id);
    };
    await step('of another type', add('type', { typeUrl: `${typeUrl}es`, value: Buffer.from('{}') }));
    await step('no JSON', add('json', { typeUrl, value: Buffer.from('{"args":') }));
    await step('a list', add('list', { typeUrl, value: Buffer.from('[]') }));
    await step('empty', add('empty', encodeSpec({})));
    await step('without args', add('args', encodeSpec({ ...processSpec([]), args: [] })));
    await step('args of the wrong type', add('wrong', encodeSpec({ ...processSpec([]), args: 'true' })));
    await step('a relative cwd', add('cwd', encodeSpec(processSpec(['true'], { cwd: 'etc' }))));
    await step(
      'a capability that is none',
      add('cap', encodeSpec(processSpec(['true'], { capabilities: { bounding: ['CAP_FLY'] } }))),
    );
    await step(
      'a limit that is none',
      add('limit', encodeSpec(processSpec(['true'], { rlimits: [{ type: 'RLIMIT_FUN', soft: 1, hard: 1 }] }))),
    );
    await step('the container goes on', () => task.state());
    await step('and so do its execs', () => task.execute('after', ['echo', 'fine']));
  },
  {
    'of another type': BAD_INPUT,
    'no JSON': BAD_INPUT,
    'a list': BAD_INPUT,
    empty: BAD_INPUT,
    'without args': BAD_INPUT,
    'args of the wrong type': BAD_INPUT,
    'a relative cwd': BAD_INPUT,
    'a limit that is none': BAD_INPUT,
  },
);

comparison.same(
  'a container that does not run',
  async (task, step) => {
    await task.define(SLEEP);
    await task.create();
    await step('exec in a created one', () => task.exec('early', ['true']));
    await task.start();
    await task.exec('waits', SLEEP);
    await task.exec('runs', SLEEP);
    await task.start('runs');
    await task.pause();
    await step('exec in a paused one', () => task.exec('paused', ['true']));
    await step('start in a paused one', () => task.start('waits'));
    await step('state of an exec in a paused one', () => task.state('runs'));
    await task.resume();
    await task.kill(9);
    await task.wait();
    await step('the execs end with it', () => task.wait('runs'));
    await step('exec when it has ended', () => task.exec('late', ['true']));
    await step('delete an exec when it has ended', () => task.delete('runs'));
    // The shim of containerd 1.6 dies of it.
    await step('start when it has ended', () => task.start('waits'));
  },
  {
    'start when it has ended': {
      row: 'Start of an exec when the container has ended',
      ours: { code: 9, says: ['not running'] },
      theirs: [
        { code: 2, says: [] },
        { code: 9, says: ['not running'] },
      ],
    },
  },
);

comparison.same('execs end before the container', async (task, step) => {
  await task.run(SLEEP);
  for (const id of ['a', 'b', 'c']) {
    await task.exec(id, SLEEP);
    await task.start(id);
  }
  await task.kill(9);
  await task.wait();
  for (const id of ['a', 'b', 'c']) await step(`wait for ${id}`, () => task.wait(id));
  await task.delete();
  await step('the end comes last', async () => (await task.events('/tasks/delete')).slice(-2));
  await step('all ends', async () =>
    (await task.events('/tasks/delete')).filter((event) => event.startsWith('/tasks/exit')).sort(),
  );
});
