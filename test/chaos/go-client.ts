import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import type { Containerd } from '../support/containerd.ts';
import { eventually } from '../support/eventually.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { LXCRI } from '../support/runtimes.ts';
import type { SeenEvent } from './event-tap.ts';

const SOURCE = path.join(import.meta.dirname, 'client');
const BUILD_MS = 300_000;
/** How long a call may take. The longest that a fault can hold one up is a few seconds. */
export const CALL_MS = 60_000;
/** For the client itself to say that a call took too long. */
const GRACE_MS = 5000;

/** What the Go program can be asked for: its operations.go. */
export interface Call {
  readonly op: string;
  readonly container: string;
  readonly exec?: string;
  readonly args?: readonly string[];
  readonly terminal?: boolean;
  readonly stdin?: boolean;
  readonly text?: string;
  readonly signal?: number;
  readonly timeoutMs?: number;
}

export interface Answer {
  /** gRPC's; 0 of a call that succeeded. */
  readonly code: number;
  readonly message: string;
  /** A process's, as containerd's client names it; `timeout` of a call that was not answered in time. */
  readonly status: string;
  readonly exit: number;
  readonly pid: number;
  readonly bytes: number;
  readonly text: string;
}

type Line = Partial<Answer> & {
  readonly number?: number;
  readonly listening?: boolean;
  readonly event?: Partial<SeenEvent> & { readonly topic: string; readonly container: string };
};

const NOTHING: Answer = { code: 0, message: '', status: '', exit: 0, pid: 0, bytes: 0, text: '' };
const DEADLINE_EXCEEDED = 4;

/** containerd's Go client, as a process that is told what to call. It outlives containerd's restarts. */
export class GoClient {
  /** What containerd told its clients, in the order in which it came. */
  readonly events: SeenEvent[] = [];
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #listening = false;
  #last = 0;

  private constructor(binary: string, containerd: Containerd, fifos: string) {
    const args = ['-address', containerd.address, '-namespace', containerd.namespace, '-fifos', fifos];
    args.push('-runtime', LXCRI, '-image', BUSYBOX_IMAGE.name);
    this.#process = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      this.#take(JSON.parse(line) as Line);
    });
  }

  /** Builds the program, which takes a minute the first time (Go caches it), and starts it. */
  static async start(containerd: Containerd, fifos: string): Promise<GoClient> {
    const binary = path.join(containerd.dir, 'chaos-client');
    await execa('go', ['build', '-o', binary, '.'], {
      cwd: SOURCE,
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin`, CGO_ENABLED: '0' },
      timeout: BUILD_MS,
    });
    const client = new GoClient(binary, containerd, fifos);
    await client.listens();
    return client;
  }

  /** Waits until whatever containerd tells from now on is heard. */
  async listens(): Promise<void> {
    await eventually(() => (this.#listening ? true : undefined), { timeoutMs: CALL_MS });
  }

  /** Never rejects: a call that is not answered in time has the status `timeout`. */
  call(call: Call): Promise<Answer> {
    const number = (this.#last += 1);
    const timeoutMs = call.timeoutMs ?? CALL_MS;
    return new Promise((resolve) => {
      const hung = setTimeout(() => {
        this.#answer(number, { status: 'timeout', code: DEADLINE_EXCEEDED, message: 'the client did not answer' });
      }, timeoutMs + GRACE_MS);
      this.#waiting.set(number, (answer) => {
        clearTimeout(hung);
        resolve(answer);
      });
      this.#process.stdin.write(`${JSON.stringify({ number, ...call, timeoutMs })}\n`);
    });
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await ended;
  }

  #take(line: Line): void {
    if (line.listening !== undefined) this.#listening = line.listening;
    else if (line.event !== undefined) this.events.push({ exec: '', exit: 0, ...line.event });
    else if (line.number !== undefined) this.#answer(line.number, line);
  }

  #answer(number: number, answer: Partial<Answer>): void {
    const resolve = this.#waiting.get(number);
    this.#waiting.delete(number);
    resolve?.({ ...NOTHING, ...answer });
  }
}
