import test from 'ava';
import { useContainerd } from '../support/with-containerd.ts';

const fixture = useContainerd(test);

test('hello world: its output, its exit status', async (t) => {
  t.deepEqual(await fixture.run(['echo', 'hello']), { code: 0, stdout: 'hello\n', stderr: '' });
});

test('stdout and stderr stay apart', async (t) => {
  const result = await fixture.run(['sh', '-c', 'echo out; echo err >&2; exit 3']);
  t.deepEqual(result, { code: 3, stdout: 'out\n', stderr: 'err\n' });
});

test('the payload is PID 1', async (t) => {
  const result = await fixture.run(['sh', '-c', 'echo $$; readlink /proc/1/exe']);
  t.deepEqual(result, { code: 0, stdout: '1\n/bin/busybox\n', stderr: '' });
});

test('arguments arrive byte for byte', async (t) => {
  const args = ['', ' ', 'a b', "it's", '"quoted"', '\\', '$HOME', 'new\nline', 'ünïcödé', '-x', 'x'.repeat(100_000)];
  const { stdout, code } = await fixture.run(['sh', '-c', 'printf "<%s>" "$@"', 'sh', ...args]);
  t.is(code, 0);
  t.true(stdout === args.map((arg) => `<${arg}>`).join(''));
});

test('the environment arrives byte for byte', async (t) => {
  const values = { A: 'a b', B: '', C: 'new\nline', D: `quote's "q" \\`, E: 'a=b', LONG: 'x'.repeat(100_000) };
  const flags = Object.entries(values).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const { stdout, code } = await fixture.run(['cat', '/proc/self/environ'], flags);
  t.is(code, 0);
  const expected = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  t.deepEqual(
    expected.filter((line) => !stdout.split('\0').includes(line)),
    [],
  );
});

test('stdin reaches the payload, and its end, too', async (t) => {
  const args = fixture.runArgs(['--rm'], ['sh', '-c', 'echo ready; cat; echo end']);
  const ctr = fixture.containerd.spawnCtr(args, { stdin: 'pipe' });
  // Not before: an end that comes while ctr still creates the task is never passed on by it.
  ctr.stdout.once('data', () => ctr.stdin?.end('line 1\nline 2'));
  const { exitCode, stdout, stderr } = await ctr;
  t.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: 'ready\nline 1\nline 2end\n', stderr: '' });
});

// Docker makes 127 and 126 of these texts; ctr itself ends with 1.
const failures = [
  { command: 'no-such-program', says: /executable file not found/ },
  { command: '/bin/no-such-program', says: /no such file or directory/ },
  { command: '/bin/sh/no-such-program', says: /not a directory/ },
  { command: '/etc/not-executable', says: /permission denied/ },
  { command: '/etc', says: /permission denied|is a directory/ },
];

for (const { command, says } of failures) {
  test(`a command that cannot be run: ${command}`, async (t) => {
    const { code, stdout, stderr } = await fixture.run([command]);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, says);
  });
}
