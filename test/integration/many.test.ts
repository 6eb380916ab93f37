import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { useContainerd } from '../support/with-containerd.ts';

const fixture = useContainerd(test);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

async function exitCode(code: number): Promise<number> {
  return (await fixture.run(['sh', '-c', `exit ${code}`])).code;
}

/** Runs a container that lives until it is killed from outside, and says what ctr makes of its death. */
async function killedBy(signal: string, command: readonly string[], flags: readonly string[] = []): Promise<number> {
  const id = fixture.newId();
  const ctr = fixture.containerd.spawnCtr(fixture.runArgs(['--rm', ...flags], command, { id }));
  await eventually(async () => {
    const { stdout } = await fixture.containerd.ctr(['tasks', 'ls']);
    return stdout.split('\n').some((line) => line.startsWith(`${id} `) && line.includes('RUNNING')) || undefined;
  });
  // An init without a handler never sees a signal, and its handler may not be there yet: send it until it has worked.
  const ended = ctr.then(({ exitCode }) => exitCode ?? -1);
  return eventually(async () => {
    await fixture.containerd.tryCtr(['tasks', 'kill', '--signal', signal, id]);
    return Promise.race([ended, sleep(500, undefined)]);
  });
}

test.serial('200 containers, one after the other: every exit status is right', async (t) => {
  t.timeout(180_000);
  const codes = range(0, 200);
  const seen: number[] = [];
  for (const code of codes) seen.push(await exitCode(code));
  t.deepEqual(seen, codes);
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('56 containers at the same time: every exit status is right', async (t) => {
  t.timeout(180_000);
  const codes = range(200, 256);
  t.deepEqual(await Promise.all(codes.map(exitCode)), codes);
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('20 containers at the same time, killed from outside', async (t) => {
  const killed = range(0, 20).map(() => killedBy('SIGKILL', ['sleep', '1000']));
  t.deepEqual(new Set(await Promise.all(killed)), new Set([128 + 9]));
  t.deepEqual(await fixture.leftovers(), []);
});

// Outside a PID namespace of its own a payload is no init, and a signal's default action kills it.
const FATAL = { HUP: 1, INT: 2, QUIT: 3, ILL: 4, ABRT: 6, FPE: 8, SEGV: 11, PIPE: 13, ALRM: 14, TERM: 15, SYS: 31 };

test.serial('a payload that dies by a signal has the status 128 and the signal', async (t) => {
  const hostPids = ['--with-ns', `pid:/proc/${process.pid}/ns/pid`];
  for (const [name, number] of Object.entries(FATAL)) {
    t.is(await killedBy(`SIG${name}`, ['sleep', '1000'], hostPids), 128 + number, name);
  }
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('an init that handles a signal decides itself what its status is', async (t) => {
  const handler = ['sh', '-c', 'trap "exit 77" TERM; while :; do sleep 1; done'];
  t.is(await killedBy('SIGTERM', handler), 77);
});
