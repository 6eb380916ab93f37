/** What can excuse a call that fails, while it lasts and as long after as its effects do. */
export type Excuse = 'restart' | 'full' | 'stopped';

/** How long after a fault its effects may still be felt, in ms. */
const AFTER: Readonly<Record<Excuse, number>> = {
  // The client's connection comes back by its own clock.
  restart: 4000,
  full: 500,
  // containerd's own limit of 2 s for State has passed by then.
  stopped: 2500,
};

interface Window {
  readonly kind: Excuse;
  readonly from: number;
  until: number;
}

/** When which faults were in force. */
export class Windows {
  readonly #windows: Window[] = [];

  /** @returns what ends it. */
  open(kind: Excuse): () => void {
    const window: Window = { kind, from: Date.now(), until: Infinity };
    this.#windows.push(window);
    return () => {
      window.until = Date.now();
    };
  }

  async during<T>(kind: Excuse, action: () => Promise<T>): Promise<T> {
    const close = this.open(kind);
    try {
      return await action();
    } finally {
      close();
    }
  }

  isOpen(kind: Excuse): boolean {
    return this.#windows.some((window) => window.kind === kind && window.until === Infinity);
  }

  /** Was one of this kind, or its effect, at some time between `from` and now? */
  touched(kind: Excuse, from: number): boolean {
    return this.#windows.some((window) => window.kind === kind && window.until + AFTER[kind] >= from);
  }
}
