import type { Logger } from '../../common/logger.ts';
import type { Store, Undestroyed } from '../stores/store.ts';
import type { Layer } from './layer.ts';

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

/**
 * Destroys removed layers behind the callers' backs, all that wait in one go, as the store does many at the price of
 * one. What somebody still has mounted is tried again, ever less often.
 */
export class Sweeper {
  readonly #store: Store;
  readonly #logger: Logger;
  /** In the order of removal: children before parents. */
  readonly #waiting = new Map<string, Layer>();
  #reasons = new Map<string, string>();
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** What is removed and not destroyed yet, with the reason if one is known. */
  get waiting(): readonly { layer: Layer; reason: string | undefined }[] {
    return [...this.#waiting.values()].map((layer) => ({ layer, reason: this.#reasons.get(layer.id) }));
  }

  /** When the last of the layers that wait got this name; undefined if none has it. */
  lastNamed(name: string): bigint | undefined {
    let last: bigint | undefined;
    for (const layer of this.#waiting.values()) {
      if (layer.name === name && (last === undefined || layer.createdAt > last)) last = layer.createdAt;
    }
    return last;
  }

  add(...layers: readonly Layer[]): void {
    for (const layer of layers) this.#waiting.set(layer.id, layer);
    if (layers.length > 0 && !this.#closed) void this.#start();
  }

  /** Tries everything that waits. @returns what could not be destroyed. */
  async sweep(): Promise<readonly Undestroyed[]> {
    // What is under way may have begun before the caller's last removal.
    await this.#running;
    if (!this.#closed) await this.#start();
    return [...this.#reasons].map(([id, reason]) => ({ id, reason }));
  }

  /** Waits for what is under way, which ends early if the store is closed meanwhile. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#running;
  }

  #start(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (!this.#closed && this.#waiting.size > 0) this.#retryLater();
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#retry);
    // Those who remove a chain remove one layer after another.
    await new Promise(setImmediate);
    for (let progress = true; progress && this.#waiting.size > 0 && !this.#closed;) {
      progress = await this.#destroy([...this.#waiting.values()]);
    }
  }

  /** @returns whether any of them is gone. */
  async #destroy(batch: readonly Layer[]): Promise<boolean> {
    try {
      const undestroyed = await this.#store.destroy(batch);
      const reasons = new Map(undestroyed.map(({ id, reason }) => [id, reason]));
      for (const { id } of batch) if (!reasons.has(id)) this.#waiting.delete(id);
      this.#reasons = reasons;
      const progress = reasons.size < batch.length;
      if (progress) this.#retryMs = FIRST_RETRY_MS;
      return progress;
    } catch (error) {
      if (!this.#closed) {
        this.#logger.warn(
          { err: error, layers: batch.length },
          'removed layers are not destroyed yet; trying again later',
        );
      }
      return false;
    }
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#start(), this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }
}
