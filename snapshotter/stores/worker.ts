import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { Code, StatusError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { FrameReader, encodeWords } from './worker-frames.ts';

export interface WorkerOptions {
  /** The program layerfs-worker (snapshotter/native). */
  readonly program: string;
  /** The file whose lock says that a daemon, or what is left of one, works on this store. */
  readonly lock: string;
  readonly logger: Logger;
}

interface Pending {
  readonly verb: string;
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** What a system call, or OpenZFS's library, refused. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError';
  /** Such as ENOSPC; a number where Node has no name for it. */
  readonly errno: string;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = ERRNO_NAMES.get(errno) ?? errno.toString();
  }
}

/** The worker ended before it answered: what was asked for may have happened, or not. */
export class WorkerLostError extends StatusError {
  /** `said` is what it wrote to its stderr. */
  constructor(verb: string, said = '', cause?: unknown) {
    const why = cause instanceof Error ? ` (${cause.message})` : '';
    super(Code.Unavailable, said || `the worker process ended during "${verb}"${why}: try again`, { cause });
  }
}

/** The process that mounts, and speaks to OpenZFS, for the daemon; a lost one is replaced with the next request. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #pending = new Map<string, Pending>();
  #process: ChildProcess | undefined;
  #stdin: Writable | undefined;
  #lastNumber = 0;
  #closed = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** @returns the answer's text. @throws WorkerError, or WorkerLostError */
  request(verb: string, ...args: readonly string[]): Promise<string> {
    if (this.#closed) return Promise.reject(new WorkerLostError(verb));
    const number = (++this.#lastNumber).toString();
    return new Promise((resolve, reject) => {
      const frame = encodeWords([number, verb, ...args]);
      this.#pending.set(number, { verb, resolve, reject });
      this.#input().write(frame);
    });
  }

  /** Ends the worker once what it was asked for is done. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#process;
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('close', resolve));
    this.#stdin?.end();
    await ended;
  }

  #input(): Writable {
    if (this.#stdin !== undefined) return this.#stdin;
    const { program, lock, logger } = this.#options;
    const worker = spawn(program, [lock], { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = worker;
    this.#process = worker;
    this.#stdin = stdin;
    let said = '';
    let answered = false;
    stdout.once('data', () => (answered = true));
    stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    // Writing to a process that just ended: its end is what counts.
    stdin.on('error', () => undefined);
    this.#readAnswers(stdout);
    const lose = (cause: unknown) => {
      this.#lose(worker, said.trim(), cause);
    };
    worker.once('error', lose);
    worker.once('close', (code, signal) => {
      lose(new Error(said.trim() || `it ended with ${signal ?? String(code)}`));
      // Its caller tells what it said before the first answer: that the lock is taken.
      if (!this.#closed && (answered || said === '')) {
        logger.error({ code, signal, said }, 'the worker process ended; the next request starts another');
      }
    });
    return stdin;
  }

  #readAnswers(stdout: Readable): void {
    const frames = new FrameReader((words) => {
      const [number = '', errno = '', text = ''] = words;
      const pending = this.#pending.get(number);
      this.#pending.delete(number);
      if (errno === '0') pending?.resolve(text);
      else pending?.reject(new WorkerError(Number(errno), text || `${pending.verb} failed`));
    });
    stdout.on('data', (chunk: Buffer) => {
      frames.push(chunk);
    });
  }

  #lose(worker: ChildProcess, said: string, cause: unknown): void {
    if (this.#process !== worker) return;
    this.#process = undefined;
    this.#stdin = undefined;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { verb, reject } of lost) {
      reject(new WorkerLostError(verb, said, cause));
    }
  }
}
