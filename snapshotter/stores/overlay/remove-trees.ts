import { lstat } from 'node:fs/promises';
import { exec } from '../../../common/exec.ts';

/** Enough for millions of files; what is not done by then goes on with the next try. */
const TIMEOUT_MS = 10 * 60_000;
/** How many directories a program is given at once. */
const BATCH = 256;

/**
 * Removes directories with all that is in them, by rm(1): it takes names that are no UTF-8 and trees that are deeper
 * than a path may be long, needs no memory, and leaves this process's few threads to those who wait for an answer.
 * @returns why those that are still there are.
 */
export async function removeTrees(directories: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
  const left = new Map<string, string>();
  for (let i = 0; i < directories.length; i += BATCH) {
    for (const [directory, reason] of await removeBatch(directories.slice(i, i + BATCH), signal)) {
      left.set(directory, reason);
    }
  }
  return left;
}

async function removeBatch(batch: readonly string[], signal: AbortSignal): Promise<[string, string][]> {
  await remove(batch, signal);
  const resisting = await existing(batch);
  if (resisting.length === 0) return [];
  // What is immutable, or may only be appended to, cannot be removed, not even by root.
  await run('chattr', ['-R', '-f', '-i', '-a', '--', ...resisting], signal);
  const reason = await remove(resisting, signal);
  return (await existing(resisting)).map((directory) => [directory, reason ?? 'it was written to meanwhile']);
}

/** Mount points in a tree are left alone, with what is mounted. */
const remove = (directories: readonly string[], signal: AbortSignal) =>
  run('rm', ['-rf', '--one-file-system', '--', ...directories], signal);

/** @returns what went wrong. */
async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  try {
    await exec(program, args, { timeoutMs: TIMEOUT_MS, signal });
    return undefined;
  } catch (error) {
    if (signal.aborted) return 'the daemon ended';
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return said.split('\n').at(-1) || String(error);
  }
}

async function existing(directories: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    directories.map((directory) =>
      lstat(directory).then(
        () => directory,
        () => undefined,
      ),
    ),
  );
  return found.filter((directory) => directory !== undefined);
}
