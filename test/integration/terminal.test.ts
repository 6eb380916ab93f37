import test, { type ExecutionContext } from 'ava';
import { useScreenPrograms } from '../support/screen-programs.ts';
import { Tmux, type Size } from '../support/tmux.ts';
import { useContainerd } from '../support/with-containerd.ts';

const fixture = useContainerd(test);

/** `ctr` in a terminal, as a person uses it. */
const inTerminal = (t: ExecutionContext, args: readonly string[], size?: Size) =>
  Tmux.run(t, ['ctr', ...args], fixture.containerd.environment, size);

/** `ctr run -t`, until the command's first words. */
const runInTerminal = (t: ExecutionContext, command: readonly string[], size?: Size) =>
  inTerminal(t, fixture.runArgs(['--rm', '-t'], command, { id: fixture.idFor(t) }), size);

const shellIn = async (t: ExecutionContext, size?: Size) => {
  const tmux = await runInTerminal(t, ['sh'], size);
  await tmux.shows(/ #$/m);
  return tmux;
};

test('a shell has the terminal, its size, and the console', async (t) => {
  const tmux = await shellIn(t, { columns: 91, rows: 31 });
  await tmux.enter(
    'tty; until stty size | grep "31 91"; do sleep 0.1; done; test -c /dev/console && echo console; ps -o tty,comm | grep sh',
  );
  const screen = await tmux.shows(/console\n/);
  t.regex(screen, /\/dev\/pts\/0/);
  t.regex(screen, /^31 91$/m);
  await tmux.resize({ columns: 101, rows: 41 });
  await tmux.enter('until stty size | grep "41 101"; do sleep 0.1; done');
  await tmux.shows(/^41 101$/m);
  await tmux.enter('echo bye; exit 3');
  await tmux.shows(/bye/);
  t.is(await tmux.exitStatus(), 3);
});

test('Ctrl-C interrupts what runs in the foreground, and Ctrl-Z stops it', async (t) => {
  const tmux = await shellIn(t);
  await tmux.enter('sleep 1000');
  await tmux.press('C-c');
  await tmux.enter('echo status $?');
  await tmux.shows(/status 130/);
  await tmux.enter('sleep 1001');
  await tmux.press('C-z');
  await tmux.shows(/Stopped/);
  await tmux.enter('jobs; kill %1; fg');
  await tmux.enter('echo still here');
  await tmux.shows(/still here\n/);
  await tmux.press('C-d');
  await tmux.exitStatus();
  t.pass();
});

test('programs that draw on the whole screen work', async (t) => {
  const tmux = await shellIn(t);
  await useScreenPrograms(tmux);
  await tmux.enter('exit');
  t.is(await tmux.exitStatus(), 0);
});

test('an exec has a terminal of its own', async (t) => {
  const id = await fixture.runDetached(t, ['sleep', '1000']);
  const tmux = await inTerminal(t, ['tasks', 'exec', '-t', '--exec-id', 'one', id, 'sh'], { columns: 77, rows: 22 });
  await tmux.shows(/ #$/m);
  // ctr sets the size once it has started the exec.
  await tmux.enter('tty; until stty size | grep "22 77"; do sleep 0.1; done');
  const screen = await tmux.shows(/^22 77$/m);
  t.regex(screen, /\/dev\/pts\/0/);
  await tmux.enter('sleep 1000');
  await tmux.press('C-c');
  await tmux.enter('echo status $?; exit 4');
  await tmux.shows(/status 130/);
  t.is(await tmux.exitStatus(), 4);
});

test('a client may go, and another attach', async (t) => {
  const id = fixture.idFor(t);
  const starter = await inTerminal(t, fixture.runArgs(['--detach', '-t'], ['sh'], { id }));
  t.is(await starter.exitStatus(), 0);
  const first = await inTerminal(t, ['tasks', 'attach', id]);
  await first.enter('A=kept; echo fir""st');
  await first.shows(/first/);
  await first.killCommand();
  const second = await inTerminal(t, ['tasks', 'attach', id]);
  await second.enter('echo $A again');
  await second.shows(/kept again/);
  await second.enter('exit 6');
  t.is(await second.exitStatus(), 6);
});
