import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { BOUND_TO_US } from '../machine/bound-process.ts';

const HOLD = 'echo locked && exec cat';

/**
 * Runs `body` while no other process holds the lock on `file`. The lock is util-linux's: the kernel releases it however
 * this process ends.
 */
export async function withLock<T>(file: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  const holder = execa(BOUND_TO_US.program, [...BOUND_TO_US.args, 'flock', file, 'sh', '-c', HOLD], {
    stdin: 'pipe',
    reject: false,
    buffer: false,
  });
  const impatience = setTimeout(onWait, 1000);
  try {
    const lines = createInterface({ input: holder.stdout });
    await Promise.race([once(lines, 'line'), holder.then(({ stderr }) => failedLock(file, String(stderr)))]);
    clearTimeout(impatience);
    return await body();
  } finally {
    clearTimeout(impatience);
    holder.stdin.end();
    await holder;
  }
}

function failedLock(file: string, stderr: string): never {
  throw new Error(`cannot lock ${file}: ${stderr}. Is its directory writable?`);
}
