import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the driver finds beside itself in the machine. */
export const PROGRAMS = {
  daemon: 'layerfs-snapshotter.cjs',
  worker: 'layerfs-worker',
  interposer: 'interposer',
  driver: 'driver.cjs',
} as const;

/** All of this runs in the machine. Where the programs of programs.ts are. */
export const HERE = path.dirname(process.argv[1] ?? '.');

/** A store that a test has for itself. */
export interface Place {
  readonly name: string;
  readonly dataset: string;
  /** The daemon's directory. */
  readonly root: string;
  /** For sockets, logs and what the interposer is told. */
  readonly run: string;
}

export const place = (name: string, pool = 'tank'): Place => ({
  name,
  dataset: `${pool}/${name}`,
  root: `/var/lib/${name}`,
  run: `/run/${name}`,
});

/** @returns stdout. @throws Error with stderr */
export function exec(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 120_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${[program, ...args].join(' ').slice(0, 200)}: ${stderr || stdout || error.message}`));
    });
  });
}

/** Calls `probe` until it returns something. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 90_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what}: did not happen within ${timeoutMs} ms`);
    await sleep(20);
  }
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Mount points at or below a directory. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${directory}/`));
}
