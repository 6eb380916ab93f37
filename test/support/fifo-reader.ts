import { execa } from 'execa';
import { eventually } from './eventually.ts';
import { makeFifo } from './make-fifo.ts';

/** Reads a FIFO from before anybody writes to it until nobody does any more. */
export class FifoReader {
  readonly path: string;
  readonly #process: ReturnType<typeof spawnReader>;
  #soFar = '';

  private constructor(path: string) {
    this.path = path;
    this.#process = spawnReader(path);
    this.#process.stdout.on('data', (chunk: Buffer) => {
      this.#soFar += chunk.toString();
    });
  }

  /** Makes the FIFO. */
  static async open(path: string): Promise<FifoReader> {
    await makeFifo(path);
    return new FifoReader(path);
  }

  /** Reads one that is there. */
  static attach(path: string): FifoReader {
    return new FifoReader(path);
  }

  /** Resolves at the end. */
  async text(): Promise<string> {
    return (await this.#process).stdout;
  }

  /** Resolves once it has been written. */
  async shows(text: string): Promise<void> {
    await eventually(() => this.#soFar.includes(text) || undefined);
  }

  /** Whoever comes later has no reader. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process;
  }
}

/** A process, since its open waits for a writer. */
const spawnReader = (path: string) => execa('cat', [path], { reject: false, stripFinalNewline: false });
