import { readFile, readdir, readlink } from 'node:fs/promises';

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** The letter of /proc/PID/stat; Z is a zombie. */
  readonly state: string;
  readonly command: string;
}

/** What `read` gives, or undefined for a process that has ended meanwhile or is not ours to look into. */
async function ifAlive<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EINVAL') return undefined;
    throw error;
  }
}

const readProc = (pid: number, file: string) => ifAlive(readFile(`/proc/${pid}/${file}`, 'utf8'));

export async function processInfo(pid: number): Promise<ProcessInfo | undefined> {
  const stat = await readProc(pid, 'stat');
  const cmdline = await readProc(pid, 'cmdline');
  if (stat === undefined || cmdline === undefined) return undefined;
  // The name in parentheses may itself hold spaces and parentheses.
  const nameEnd = stat.lastIndexOf(')');
  const [state = '?', parent = '0'] = stat.slice(nameEnd + 2).split(' ');
  const name = stat.slice(stat.indexOf('(') + 1, nameEnd);
  return { pid, parent: Number(parent), state, command: cmdline.replaceAll('\0', ' ').trim() || `[${name}]` };
}

/** Every process but the kernel's own threads. */
export async function listProcesses(): Promise<ProcessInfo[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const infos = await Promise.all(pids.map(processInfo));
  return infos.filter((info) => info !== undefined).filter(({ pid, parent }) => pid !== 2 && parent !== 2);
}

/** Is it there, and more than a zombie that only waits to be reaped? */
export async function isAlive(pid: number): Promise<boolean> {
  const info = await processInfo(pid);
  return info !== undefined && info.state !== 'Z' && info.state !== 'X';
}

/**
 * Says whether a process has to do with `marker`: in its arguments, environment, cgroups, open files or directories, or
 * as the place of its root file system. Test beds put their marker into all these, so whatever a runtime
 * starts on their behalf is found, by whichever of them it forgot to shed.
 */
export async function mentions(pid: number, marker: string): Promise<boolean> {
  const texts = await Promise.all(['cmdline', 'environ', 'cgroup'].map((file) => readProc(pid, file)));
  if (texts.some((text) => text?.includes(marker))) return true;
  const links = await Promise.all(['exe', 'cwd', 'root'].map((link) => ifAlive(readlink(`/proc/${pid}/${link}`))));
  if (links.some((link) => link?.includes(marker))) return true;
  const fds = (await ifAlive(readdir(`/proc/${pid}/fd`))) ?? [];
  const files = await Promise.all(fds.map((fd) => ifAlive(readlink(`/proc/${pid}/fd/${fd}`))));
  if (files.some((file) => file?.includes(marker))) return true;
  return rootedIn(pid, marker);
}

/** A container's own mount table names its layers' directories, even where everything else was shed. */
async function rootedIn(pid: number, marker: string): Promise<boolean> {
  const own = await ifAlive(readlink('/proc/self/ns/mnt'));
  if ((await ifAlive(readlink(`/proc/${pid}/ns/mnt`))) === own) return false;
  const mounts = (await readProc(pid, 'mountinfo')) ?? '';
  return mounts.split('\n').some((line) => line.split(' ')[4] === '/' && line.includes(marker));
}

/** The processes that mention `marker`, without this one and those it descends from. */
export async function processesOf(marker: string): Promise<ProcessInfo[]> {
  const all = await listProcesses();
  const kin = new Set<number>();
  for (let pid: number | undefined = process.pid; pid !== undefined && !kin.has(pid);) {
    kin.add(pid);
    pid = all.find((info) => info.pid === pid)?.parent;
  }
  const checked = await Promise.all(
    all.map(async (info) => ({ info, found: !kin.has(info.pid) && (await mentions(info.pid, marker)) })),
  );
  const found = checked.filter((check) => check.found).map(({ info }) => info);
  const parents = new Set(found.map(({ pid }) => pid));
  // A zombie mentions nothing any more; it is the fault of the parent that does not reap it.
  return [...found, ...all.filter(({ state, parent }) => state === 'Z' && parents.has(parent))];
}
