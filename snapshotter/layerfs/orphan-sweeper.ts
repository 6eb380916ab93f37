import { SerialQueue } from '../../common/serial-queue.ts';
import type { Logger } from '../../common/logger.ts';
import type { Orphan, Store } from '../stores/store.ts';

/** Destroys what interrupted changes left, which can take long and hurts nobody meanwhile: no call waits for it. */
export class OrphanSweeper {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #queue = new SerialQueue();
  #left: readonly Orphan[];

  constructor(store: Store, logger: Logger, orphans: readonly Orphan[]) {
    this.#store = store;
    this.#logger = logger;
    this.#left = orphans;
  }

  /** Those that are still to go. */
  get left(): readonly Orphan[] {
    return this.#left;
  }

  /** Tries all that are left; never throws. */
  sweep(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#left.length === 0) return;
      try {
        const undestroyed = await this.#store.destroyOrphans(this.#left);
        const ids = new Set(undestroyed.map(({ id }) => id));
        this.#left = this.#left.filter(({ id }) => ids.has(id));
        for (const { id, reason } of undestroyed) this.#logger.warn({ layer: id, reason }, NOT_YET);
      } catch (error) {
        this.#logger.warn({ err: error }, NOT_YET);
      }
    });
  }
}

const NOT_YET = 'the rest of a change cannot go yet';
