import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** How long to try at most; long enough that only a fault can use it up. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Calls `probe` until it neither throws nor returns undefined, and returns its value.
 * @throws what the last try threw, once the patience is used up.
 */
export async function eventually<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 20_000, intervalMs = 20 }: Patience = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
      if (Date.now() > deadline) throw new Error(`did not happen within ${timeoutMs} ms: ${probe.toString()}`);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(intervalMs);
  }
}
