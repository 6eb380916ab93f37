/** A promise that is settled from outside. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  #settled = false;
  #resolve: (value: T) => void = () => undefined;
  #reject: (reason: Error) => void = () => undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits sees the rejection; nobody waiting is no fault.
    this.promise.catch(() => undefined);
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(value: T): void {
    this.#settled = true;
    this.#resolve(value);
  }

  reject(reason: Error): void {
    this.#settled = true;
    this.#reject(reason);
  }
}
