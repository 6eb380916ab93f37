/** Runs asynchronous tasks one after another, in the order in which they were added; a failed one stops nothing. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** @returns what the task returns, once those before it are through. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
