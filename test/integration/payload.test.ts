import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Code } from '../../common/errors.ts';
import type { Bundle, BundleOptions } from '../support/shim-bundle.ts';
import { createRequest } from '../support/shim-host.ts';
import { refusalOf } from '../support/refusal.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);

/** A payload that cannot be executed, and what Docker makes 126 or 127 of. */
interface Case {
  readonly title: string;
  readonly args: readonly string[];
  /** Puts files into the container's root. */
  readonly prepare?: (root: string) => Promise<unknown>;
  readonly says: RegExp;
}

const file =
  (name: string, content: string | Uint8Array, mode = 0o755) =>
  async (root: string) => {
    await writeFile(path.join(root, name), content);
    await chmod(path.join(root, name), mode);
  };

/** Found out before Create is answered. */
const AT_CREATE: readonly Case[] = [
  { title: 'not in $PATH', args: ['nowhere'], says: /exec: "nowhere": executable file not found in \$PATH$/ },
  { title: 'empty', args: [''], says: /exec: "": executable file not found in \$PATH$/ },
  { title: 'not there', args: ['/no/such'], says: /exec: "\/no\/such": stat \/no\/such: no such file or directory$/ },
  { title: 'below a file', args: ['/etc/passwd/x'], says: /exec: "\/etc\/passwd\/x": stat .*: not a directory$/ },
  { title: 'a directory', args: ['/etc'], says: /exec: "\/etc": is a directory$/ },
  { title: 'without the execute bit', args: ['/etc/not-executable'], says: /exec: ".*": permission denied$/ },
  {
    title: 'a link to nothing',
    args: ['/payload'],
    prepare: (root) => symlink('/no/such', path.join(root, 'payload')),
    says: /exec: "\/payload": stat \/payload: no such file or directory$/,
  },
  {
    title: 'a link to itself',
    args: ['/payload'],
    prepare: (root) => symlink('payload', path.join(root, 'payload')),
    says: /exec: "\/payload": stat \/payload: symbolic link loop$/i,
  },
];

/** Found out by execve, when Start asks for it. */
const AT_START: readonly Case[] = [
  { title: 'no program', args: ['/payload'], prepare: file('payload', 'MZ\0\0'), says: /exec .*: exec format error$/ },
  { title: 'an empty file', args: ['/payload'], prepare: file('payload', ''), says: /exec .*: exec format error$/ },
  {
    title: 'a script whose interpreter is not there',
    args: ['/payload'],
    prepare: file('payload', '#!/no/such\n'),
    says: /exec \/payload: no such file or directory$/i,
  },
  {
    title: 'a program of another machine',
    args: ['/payload'],
    prepare: file(
      'payload',
      Buffer.from(`7f454c4602010100${'00'.repeat(8)}0200ffff01000000${'00'.repeat(100)}`, 'hex'),
    ),
    says: /exec .*: exec format error$/,
  },
  {
    title: 'an argument longer than the kernel takes',
    args: ['true', 'x'.repeat(200 * 1024)],
    says: /exec \/bin\/true: argument list too long$/i,
  },
];

const rootOf = (bundle: Bundle) => path.join(bundle.dir, 'upper');

for (const { title, args, prepare, says } of AT_CREATE) {
  test.serial(`Create with a payload that is ${title}`, async (t) => {
    const { bundle, task } = await fixture.shim(t, { args });
    await prepare?.(rootOf(bundle));
    const refusal = await refusalOf(task.create(createRequest(bundle)));
    t.regex(refusal.message, says);
    t.true(refusal.message.startsWith('OCI runtime create failed: '));
    t.is(refusal.code, Code.Unknown);
    t.deepEqual(await fixture.leftovers(), []);
  });
}

for (const { title, args, prepare, says } of AT_START) {
  test.serial(`Start with a payload that is ${title}`, async (t) => {
    const { bundle, task } = await fixture.shim(t, { args });
    await prepare?.(rootOf(bundle));
    const init = { id: bundle.id, execId: '' };
    await task.create(createRequest(bundle));
    const refusal = await refusalOf(task.start(init));
    t.regex(refusal.message, says);
    t.true(refusal.message.startsWith('OCI runtime start failed: '));
    t.is(refusal.code, Code.Unknown);
    await task.wait(init);
    await task.delete(init);
    const topics = await fixture.host.events.topicsThrough(bundle.id, '/tasks/delete');
    t.deepEqual(topics, ['/tasks/create', '/tasks/exit', '/tasks/delete']);
    t.deepEqual(await fixture.leftovers(), []);
  });
}

/** Runs a payload to its end. @returns what it wrote. */
async function output(t: ExecutionContext, options: BundleOptions): Promise<Buffer> {
  const { bundle, task } = await fixture.shim(t, options);
  const init = { id: bundle.id, execId: '' };
  const stdout = path.join(bundle.dir, 'out');
  await writeFile(stdout, '');
  await task.create(createRequest(bundle, { stdout }));
  await task.start(init);
  t.is((await task.wait(init)).exitStatus, 0);
  return readFile(stdout);
}

const STRANGE = [
  '',
  ' ',
  'a b',
  '\n',
  'a\nb\n',
  `'"`,
  '\\',
  '$(reboot)',
  '`id`',
  '-',
  '--',
  '*',
  '\t',
  '\x01\x7f',
  'ä€😀',
  '',
];

test.serial('arguments arrive as they are', async (t) => {
  const printed = await output(t, { args: ['sh', '-c', `printf '%s\\0' "$0" "$@"`, ...STRANGE] });
  t.deepEqual(printed.toString().split('\0').slice(0, -1), STRANGE);
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test.serial('1 MiB of arguments arrives whole', async (t) => {
  const many = Array.from({ length: 8192 }, (_, index) => String(index).padStart(127, '.'));
  const printed = await output(t, { args: ['sh', '-c', `printf '%s\\0' "$@" | sha256sum`, 'sh', ...many] });
  t.is(printed.toString().split(' ')[0], sha256(many.map((argument) => `${argument}\0`).join('')));
});

test.serial('10,000 variables arrive whole, and in their order', async (t) => {
  const env = Array.from({ length: 10_000 }, (_, index) => `V${index}=${index % 7 === 0 ? 'a\nb "c"' : index}`);
  const printed = await output(t, {
    args: ['/bin/cat', '/proc/self/environ'],
    edit: (spec) => (spec.process.env = ['HOME=/', ...env]),
  });
  t.deepEqual(printed.toString().split('\0').slice(0, -1), ['HOME=/', ...env]);
});

test.serial('a working directory that only a link leads to', async (t) => {
  const { bundle, task } = await fixture.shim(t, {
    args: ['sh', '-c', 'test "$(pwd -P)" = /var/real'],
    edit: (spec) => (spec.process.cwd = '/link'),
  });
  await mkdir(path.join(rootOf(bundle), 'var/real'), { recursive: true });
  await symlink('/var/real', path.join(rootOf(bundle), 'link'));
  const init = { id: bundle.id, execId: '' };
  await task.create(createRequest(bundle));
  await task.start(init);
  t.is((await task.wait(init)).exitStatus, 0);
});
