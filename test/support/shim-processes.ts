import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from './eventually.ts';
import { isAlive, listProcesses } from './processes.ts';

/** What is read from /proc, or an empty text for a process that is gone. */
const ofProcess = (read: Promise<string>) => read.catch(() => '');

/** The process of a program that serves a run directory, and no other; undefined where none lives. */
async function serverOf(runDir: string, program: string): Promise<number | undefined> {
  for (const { pid, command } of await listProcesses()) {
    if (!command.endsWith(`/${program}`) || !(await isAlive(pid))) continue;
    const environment = await ofProcess(readFile(`/proc/${pid}/environ`, 'utf8'));
    if (environment.split('\0').includes(`LXCRI_RUN_DIR=${runDir}`)) return pid;
  }
  return undefined;
}

/** The daemon of a run directory; undefined where none lives. */
export const daemonOf = (runDir: string) => serverOf(runDir, 'shim.cjs');

/** The monitor (`lxcri-monitor`) and the driver (`lxcri-lxc`) of a container, by its state directory. */
export async function monitorOf(
  runDir: string,
  namespace: string,
  id: string,
): Promise<{ readonly monitor: number; readonly driver: number }> {
  const directory = path.join(runDir, 'containers', namespace, id);
  const all = await listProcesses();
  for (const { pid, command } of all) {
    if (!command.includes('/lxcri-monitor ')) continue;
    if ((await ofProcess(readlink(`/proc/${pid}/cwd`))) !== directory) continue;
    const driver = all.find((other) => other.parent === pid && !other.command.includes('/lxcri-monitor'));
    return { monitor: pid, driver: driver?.pid ?? 0 };
  }
  throw new Error(`container ${id} has no monitor`);
}

/** kill -9 of the daemon. A moment longer than it is seen to live, its other threads keep its sockets and its lock. */
export async function killDaemon(runDir: string): Promise<void> {
  const daemon = await eventually(() => daemonOf(runDir));
  process.kill(daemon, 'SIGKILL');
  await eventually(async () => {
    const threads = await readdir(`/proc/${daemon}/task`).catch(() => []);
    return threads.length <= 1 && !(await isAlive(daemon)) ? true : undefined;
  });
}

/** The keeper of a run directory. @throws Error where there is none. */
export async function keeperOf(runDir: string): Promise<number> {
  const keeper = await serverOf(runDir, 'lxcri-keeper');
  if (keeper === undefined) throw new Error(`there is no keeper for ${runDir}`);
  return keeper;
}

/** kill -9 of the daemon, and something that happens before there is another: the keeper stands still meanwhile. */
export async function withoutDaemon(runDir: string, meanwhile: () => Promise<unknown>): Promise<void> {
  const keeper = await keeperOf(runDir);
  const daemon = await eventually(() => daemonOf(runDir));
  process.kill(keeper, 'SIGSTOP');
  try {
    process.kill(daemon, 'SIGKILL');
    await eventually(async () => ((await isAlive(daemon)) ? undefined : true));
    await meanwhile();
  } finally {
    process.kill(keeper, 'SIGCONT');
  }
}
