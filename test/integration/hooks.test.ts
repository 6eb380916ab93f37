import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/processes.ts';
import { refusalOf } from '../support/refusal.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { createRequest } from '../support/shim-host.ts';
import { killDaemon, monitorOf, withoutDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const IS_RUNC = RUNTIME === RUNC;

const KINDS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const;
type Kind = (typeof KINDS)[number];

interface Note {
  readonly kind: string;
  readonly args: string;
  readonly variable: string;
  readonly network: string;
  readonly state: {
    id: string;
    status: string;
    pid?: number;
    bundle: string;
    ociVersion: string;
    annotations?: object;
  };
}

/** A container whose hooks are shell scripts; each also notes that it ran. */
async function withHooks(
  t: ExecutionContext,
  scripts: Partial<Record<Kind, string>>,
  { args = ['sleep', '1000'], timeouts = {} }: { args?: string[]; timeouts?: Partial<Record<Kind, number>> } = {},
) {
  const shim = await fixture.shim(t, {
    args,
    edit: (spec) => {
      spec['annotations'] = { 'org.example.key': 'a "value"' };
    },
  });
  const { dir } = shim.bundle;
  const notes = path.join(dir, 'notes');
  await writeFile(notes, '');
  const hooks: Partial<Record<Kind, object[]>> = {};
  for (const kind of KINDS) {
    const script = scripts[kind];
    if (script === undefined) continue;
    const inside = kind === 'startContainer';
    const file = inside ? path.join(dir, 'upper', 'hook') : path.join(dir, `hook-${kind}`);
    const target = inside ? '/notes' : notes;
    await writeFile(
      file,
      `#!/bin/sh\nstate=$(cat)\necho "${kind}|$*|$VARIABLE|$(readlink /proc/self/ns/net)|$state" >>${target}\n${script}\n`,
    );
    await chmod(file, 0o755);
    const timeout = timeouts[kind];
    hooks[kind] = [
      {
        path: inside ? '/hook' : file,
        args: ['hook', 'one', 'two words'],
        env: ['VARIABLE=yes', 'PATH=/usr/bin:/bin'],
        ...(timeout === undefined ? {} : { timeout }),
      },
    ];
  }
  const config = path.join(dir, 'config.json');
  await writeFile(config, JSON.stringify({ ...(JSON.parse(await readFile(config, 'utf8')) as object), hooks }));
  const read = async (file: string): Promise<Note[]> =>
    (await readFile(file, 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [kind = '', argv = '', variable = '', network = '', ...state] = line.split('|');
        return { kind, args: argv, variable, network, state: JSON.parse(state.join('|')) as Note['state'] };
      });
  return {
    ...shim,
    init: { id: shim.bundle.id, execId: '' },
    notes: () => read(notes),
    inside: () => read(path.join(dir, 'upper', 'notes')),
    create: () => shim.task.create(createRequest(shim.bundle)),
  };
}

const ALL = Object.fromEntries(KINDS.map((kind) => [kind, '']));

test('all six kinds are run in their place, with the state', async (t) => {
  const container = await withHooks(t, ALL);
  const { task, init, bundle } = container;
  const { pid } = await container.create();
  const created = await container.notes();
  t.deepEqual(
    created.map(({ kind }) => kind),
    ['prestart', 'createRuntime', 'createContainer', ...(IS_RUNC ? ['poststart'] : [])],
  );
  t.deepEqual(await container.inside(), []);
  const hostNetwork = created[0]?.network;
  for (const { kind, args, variable, network, state } of created) {
    t.is(args, 'one two words');
    t.is(variable, 'yes');
    t.is(network === hostNetwork, kind !== 'createContainer', kind);
    t.is(state.id, init.id);
    t.is(state.bundle, bundle.dir);
    t.is(state.pid, kind === 'createContainer' && IS_RUNC ? 1 : pid, kind);
    t.deepEqual(state.annotations, { 'org.example.key': 'a "value"' });
    if (kind !== 'poststart') t.is(state.status, 'creating', kind);
  }
  await task.start(init);
  const [start] = await container.inside();
  t.is(start?.kind, 'startContainer');
  t.is(start?.state.pid, 1);
  t.is(start?.state.status, 'created');
  t.is((await container.notes()).at(-1)?.kind, 'poststart');
  await task.kill({ ...init, signal: 9, all: false });
  await task.wait(init);
  t.is((await container.notes()).length, 4);
  await task.delete(init);
  const last = (await container.notes()).at(-1);
  t.is(last?.kind, 'poststop');
  t.is(last?.state.status, 'stopped');
});

test('a hook that fails before the container is there undoes it, and the end’s hooks are run', async (t) => {
  for (const kind of ['prestart', 'createRuntime', 'createContainer'] as const) {
    const container = await withHooks(t, { [kind]: 'echo "cannot do it" >&2; exit 3', poststop: '' });
    const { message } = await refusalOf(container.create());
    t.regex(message, /cannot do it/);
    if (!IS_RUNC) t.regex(message, new RegExp(`hooks\\.${kind} \\(.*\\): exit status 3: cannot do it$`));
    t.deepEqual(
      (await container.notes()).map((note) => note.kind),
      [kind, 'poststop'],
    );
  }
});

if (!IS_RUNC) {
  test('a hook that takes too long is ended', async (t) => {
    const container = await withHooks(t, { createRuntime: 'sleep 1000' }, { timeouts: { createRuntime: 1 } });
    const { message } = await refusalOf(container.create());
    t.regex(message, /hooks\.createRuntime .*: it took longer than it may/);
  });

  test('a hook of startContainer that fails fails the start', async (t) => {
    const container = await withHooks(t, { startContainer: 'echo no >&2; exit 4' });
    await container.create();
    const { message } = await refusalOf(container.task.start(container.init));
    t.regex(message, /hooks\.startContainer \(\/hook\): exit status 4: no/);
    t.true((await container.task.wait(container.init)).exitStatus > 0);
  });

  test('the hooks of createContainer see the container’s mounts where its root file system is', async (t) => {
    const container = await withHooks(t, {
      createContainer:
        'cat rootfs/proc/self/comm >&2; cat $PWD/config.json >/dev/null && ls rootfs/dev/null >&2; exit 9',
    });
    const { message } = await refusalOf(container.create());
    t.regex(message, /cat|comm/);
    t.regex(message, /rootfs\/dev\/null/);
  });

  test('a hook after the start that fails is logged, and no more', async (t) => {
    const container = await withHooks(t, { poststart: 'exit 5', poststop: 'exit 6' });
    await container.create();
    await container.task.start(container.init);
    await container.task.kill({ ...container.init, signal: 9, all: false });
    await container.task.wait(container.init);
    await container.task.delete(container.init);
    t.deepEqual(
      (await container.notes()).map(({ kind }) => kind),
      ['poststart', 'poststop'],
    );
  });

  test('a container that is deleted does not wait for its hooks', async (t) => {
    const container = await withHooks(t, { createRuntime: 'sleep 1000', poststop: '' });
    const creating = refusalOf(container.create());
    await eventually(async () => (await container.notes()).length === 1 || undefined);
    await fixture.host.deleteShim(container.bundle);
    t.regex((await creating).message, /deleted meanwhile/);
    await eventually(async () => (await container.notes()).length === 2 || undefined);
  });

  test.serial('the hooks of the end are run for a container whose monitor was killed', async (t) => {
    const container = await withHooks(t, { poststop: '' });
    const { pid } = await container.create();
    await container.task.start(container.init);
    const { monitor } = await monitorOf(fixture.host.runDir, fixture.host.namespace, container.init.id);
    process.kill(monitor, 'SIGKILL');
    await container.task.wait(container.init);
    t.false(await isAlive(pid));
    await container.task.delete(container.init);
    t.deepEqual(
      (await container.notes()).map(({ kind }) => kind),
      ['poststop'],
    );
  });

  test.serial('once, whichever daemon finds that; other containers do not wait for them', async (t) => {
    const { runDir, namespace } = fixture.host;
    const go = path.join((await fixture.shim(t)).bundle.dir, 'go');
    const container = await withHooks(t, { poststop: `while ! [ -e ${go} ]; do sleep 0.02; done` });
    const other = await fixture.running(t, ['sleep', '1000']);
    await container.create();
    await container.task.start(container.init);
    const { monitor } = await monitorOf(runDir, namespace, container.init.id);
    await withoutDaemon(runDir, () => {
      process.kill(monitor, 'SIGKILL');
      return eventually(async () => ((await isAlive(monitor)) ? undefined : true));
    });
    await other.task.kill({ ...other.init, signal: 9, all: false });
    await other.task.wait(other.init);
    await eventually(async () => (await container.notes()).length > 0 || undefined);
    await writeFile(go, '');
    t.is((await container.task.wait(container.init)).exitStatus, 137);
    await killDaemon(runDir);
    await container.task.delete(container.init);
    t.is((await container.notes()).length, 1);
  });

  test.serial('and by a new daemon', async (t) => {
    const container = await withHooks(t, { poststop: '' });
    await container.create();
    await container.task.start(container.init);
    await killDaemon(fixture.host.runDir);
    const { task } = await fixture.host.startShim(container.bundle);
    await task.kill({ ...container.init, signal: 9, all: false });
    await task.wait(container.init);
    await task.delete(container.init);
    t.is((await container.notes()).length, 1);
  });
}
