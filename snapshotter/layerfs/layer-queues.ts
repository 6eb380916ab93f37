import { SerialQueue } from '../../common/serial-queue.ts';

interface Entry {
  readonly queue: SerialQueue;
  waiting: number;
}

/** Orders the calls for one name, while those for different names never wait for each other. */
export class LayerQueues {
  readonly #queues = new Map<string, Entry>();

  /** Runs the task once the earlier ones of the same name are through. */
  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const entry = this.#queues.get(name) ?? { queue: new SerialQueue(), waiting: 0 };
    this.#queues.set(name, entry);
    entry.waiting++;
    try {
      return await entry.queue.run(task);
    } finally {
      entry.waiting--;
      if (entry.waiting === 0) this.#queues.delete(name);
    }
  }
}
