/** Starts that cannot work say in a sentence why; one that has to wait says so, too. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { eventually } from '../../support/eventually.ts';
import { Snapshotter, SNAPSHOTTER } from '../../support/snapshotter.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const start = (...args: readonly string[]) =>
  execa(SNAPSHOTTER, args, { reject: false, stdin: 'ignore', timeout: 60_000, all: true });

async function withTempDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await makeTempDir();
  try {
    await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const wrong = test.macro({
  title: (_, args: readonly string[]) => `refused: ${args.join(' ')}`,
  exec: (t, args: readonly string[], message: RegExp) =>
    withTempDir(async (dir) => {
      const filled = args.map((each) => each.replace('DIR', dir));
      const defaults = ['--root', path.join(dir, 'root'), '--socket', path.join(dir, 's.sock')];
      const { exitCode, all } = await start(...defaults, ...filled);
      t.is(exitCode, 1, all);
      t.regex(all, message);
      t.notRegex(all, /\n {4}at /, 'a stack trace is for whoever wrote the program');
      t.false(existsSync(path.join(dir, 's.sock')));
    }),
});

test(
  wrong,
  ['--root', '/etc/passwd/x'],
  /--root \/etc\/passwd\/x is no directory that can be used: .*; choose another/,
);
test(wrong, ['--root', '/proc/x'], /--root \/proc\/x is no directory that can be used/);
test(wrong, ['--socket', '/etc/passwd/x'], /the directory of --socket, \/etc\/passwd is no directory .*: it is a file/);
test(wrong, ['--socket', '/sys/x'], /--socket \/sys\/x cannot be listened on: .*; choose another/);
test(wrong, ['--store', 'overlay', '--default-size', '1G'], /--default-size: the overlay store cannot limit/);
if (!existsSync('/sys/module/zfs')) {
  test(wrong, ['--dataset', 'tank/x'], /dataset tank\/x cannot be reached: the kernel module zfs is not loaded: run/);
  test(wrong, ['--store', 'zfs'], /--store zfs: the kernel module zfs is not loaded/);
}

test('a second daemon says that it waits, and takes over', (t) =>
  withTempDir(async (dir) => {
    const first = new Snapshotter(dir);
    await first.launch();
    const second = new Snapshotter(dir);
    const launched = second.launch();
    const log = () => readFile(first.logFile, 'utf8');
    try {
      await eventually(async () => (/waiting for another layerfs-snapshotter/.test(await log()) ? true : undefined));
      await first.terminate();
      await launched;
      t.notRegex(await log(), /the worker process ended/);
    } finally {
      await first.terminate();
      await second.terminate();
      await launched.catch(() => undefined);
    }
  }));

test('a root behind a symbolic link is the directory that it leads to', (t) =>
  withTempDir(async (dir) => {
    const daemon = new Snapshotter(dir);
    await symlink('real', daemon.root);
    const dangling = await start('--store', 'overlay', '--root', daemon.root, '--socket', daemon.socket);
    t.regex(dangling.all, /--root .*layerfs is no directory that can be used/);
    t.deepEqual(await readdir(dir), ['layerfs']);
    await mkdir(path.join(dir, 'real'));
    await daemon.launch();
    try {
      await eventually(async () => {
        const log = await readFile(daemon.logFile, 'utf8');
        return log.includes(`"location":"${dir}/real"`) ? true : undefined;
      });
      t.pass();
    } finally {
      await daemon.terminate();
    }
  }));
