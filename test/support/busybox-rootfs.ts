import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';

/** One entry of a root file system; parents come before their children. */
export type RootfsEntry =
  | { readonly type: 'directory'; readonly name: string; readonly mode: number }
  | { readonly type: 'file'; readonly name: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly type: 'symlink'; readonly name: string; readonly target: string };

const directory = (name: string, mode = 0o755): RootfsEntry => ({ type: 'directory', name, mode });
const text = (name: string, lines: readonly string[], mode = 0o644): RootfsEntry => ({
  type: 'file',
  name,
  mode,
  content: Buffer.from(lines.map((line) => `${line}\n`).join('')),
});

/** Where Debian's busybox-static lies; it is linked statically, so nothing else is needed. */
const BUSYBOX = '/bin/busybox';

/** A small Linux system: busybox with a link for each of its applets, two users, and an unprivileged script. */
export async function busyboxRootfs(): Promise<RootfsEntry[]> {
  const { stdout } = await execa(BUSYBOX, ['--list'], { timeout: 10_000 });
  const applets = stdout.split('\n').filter((applet) => applet !== 'busybox');
  return [
    directory('bin'),
    { type: 'file', name: 'bin/busybox', mode: 0o755, content: await readFile(BUSYBOX) },
    ...applets.sort().map((applet): RootfsEntry => ({ type: 'symlink', name: `bin/${applet}`, target: 'busybox' })),
    directory('dev'),
    directory('etc'),
    text('etc/group', ['root:x:0:', 'wheel:x:10:app', 'app:x:1000:']),
    text('etc/not-executable', ['#!/bin/sh', 'echo this must not run']),
    text('etc/passwd', ['root:x:0:0:root:/root:/bin/sh', 'app:x:1000:1000:app:/home/app:/bin/sh']),
    directory('home'),
    directory('home/app'),
    directory('proc', 0o555),
    directory('root', 0o700),
    directory('run'),
    directory('sys', 0o555),
    directory('tmp', 0o1777),
    directory('var'),
  ];
}

/** Writes the entries below `dir`, as an unpacked image has them. */
export async function writeRootfs(dir: string, entries: readonly RootfsEntry[]): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const entry of entries) {
    const target = path.join(dir, entry.name);
    if (entry.type === 'symlink') {
      await symlink(entry.target, target);
      continue;
    }
    if (entry.type === 'directory') await mkdir(target);
    else await writeFile(target, entry.content);
    await chmod(target, entry.mode); // what mkdir and open are given is cut by the umask
  }
}
