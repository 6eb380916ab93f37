import { execa } from 'execa';

/** Reads a FIFO from before anybody writes to it until nobody does any more. */
export class FifoReader {
  readonly path: string;
  readonly #process: ReturnType<typeof spawnReader>;

  private constructor(path: string) {
    this.path = path;
    this.#process = spawnReader(path);
  }

  /** Makes the FIFO. */
  static async open(path: string): Promise<FifoReader> {
    await execa('mkfifo', [path], { timeout: 10_000 });
    return new FifoReader(path);
  }

  /** Resolves at the end. */
  async text(): Promise<string> {
    return (await this.#process).stdout;
  }

  /** Whoever comes later has no reader. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process;
  }
}

/** A process, since its open waits for a writer. */
const spawnReader = (path: string) => execa('cat', [path], { reject: false, stripFinalNewline: false });
