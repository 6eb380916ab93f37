import { mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** On a disk, where /tmp may be memory; and short, for the sockets below. */
const PARENT = '/var/tmp';
const NAME = /^lxvm-(\d+)-/;

/** Makes a directory for one machine, named after this process; those of dead processes are removed. */
export async function makeRunDirectory(): Promise<string> {
  for (const name of await readdir(PARENT)) {
    const owner = NAME.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) {
      await rm(path.join(PARENT, name), { recursive: true, force: true });
    }
  }
  return mkdtemp(path.join(PARENT, `lxvm-${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
