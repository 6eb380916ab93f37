import { setTimeout as sleep } from 'node:timers/promises';
import { Code, StatusError } from '../../../common/errors.ts';

const INTERVAL_MS = 250;

/**
 * Runs a task and gives, every now and then, how many bytes it has come along. Whoever stops listening must abort what
 * `signal` stands for; the task has ended when this has.
 * @returns what the task returns.
 */
export async function* withProgress<T>(
  signal: AbortSignal,
  task: (progress: (bytes: number) => void) => Promise<T>,
): AsyncGenerator<bigint, T> {
  let done = 0n;
  const running = task((bytes) => (done += BigInt(bytes)));
  const settled = running.then(
    () => true,
    () => true,
  );
  try {
    yield done;
    while (!(await Promise.race([settled, sleep(INTERVAL_MS, false)]))) yield done;
    return await running;
  } catch (error) {
    throw signal.aborted ? new StatusError(Code.Canceled, 'cancelled; nothing of it is kept', { cause: error }) : error;
  } finally {
    await settled;
  }
}
