import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { access, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SnapshotsClient } from '../../../support/snapshots-client.ts';
import { HERE, PROGRAMS, until, type Place } from './bed.ts';

/** See interposer.c. */
export type Mode =
  'pass' | 'before' | 'after' | 'during' | 'release' | 'worker-before' | 'worker-during' | 'worker-after';

interface Start {
  /** Whether to arm the interposer for what the daemon does at its start. */
  readonly armed?: readonly [mode: Mode, request: number];
  /** Other programs than the machine's, found first. */
  readonly path?: string;
  readonly args?: readonly string[];
}

let lastNumber = 0;

/** One process of layerfs-snapshotter, whose worker stands behind the interposer. */
export class Daemon {
  readonly number = ++lastNumber;
  readonly client: SnapshotsClient;
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  readonly #files: string;
  #generation = 0;
  #hasEnded = false;

  private constructor(place: Place, { path: programs, args = [] }: Start) {
    this.#files = path.join(place.run, String(this.number));
    const log = openSync(`${this.#files}.err`, 'w');
    const options = ['--dataset', place.dataset, '--root', place.root, '--socket', this.#socket, ...args];
    this.#process = spawn(process.execPath, [path.join(HERE, PROGRAMS.daemon), ...options], {
      stdio: ['ignore', 'ignore', log],
      env: {
        ...process.env,
        ...(programs === undefined ? {} : { PATH: `${programs}:${process.env['PATH'] ?? ''}` }),
        LAYERFS_WORKER: path.join(HERE, PROGRAMS.interposer),
        INTERPOSER_WORKER: path.join(HERE, PROGRAMS.worker),
        INTERPOSER_CONTROL: `${this.#files}.control`,
        INTERPOSER_LOG: `${this.#files}.requests`,
      },
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#hasEnded = true;
        resolve(signal ?? String(code));
      });
    });
    this.client = new SnapshotsClient(this.#socket);
    // None outlives the driver, whatever becomes of it.
    process.once('exit', () => this.#process.kill('SIGKILL'));
  }

  static async start(place: Place, start: Start = {}): Promise<Daemon> {
    mkdirSync(place.run, { recursive: true });
    const control = path.join(place.run, `${lastNumber + 1}.control`);
    await unlink(control).catch(() => undefined);
    if (start.armed !== undefined) await writeFile(control, `start ${start.armed.join(' ')}\n`);
    return new Daemon(place, start);
  }

  get #socket(): string {
    return `${this.#files}.sock`;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async serves(): Promise<boolean> {
    return access(this.#socket).then(
      () => true,
      () => false,
    );
  }

  /** Until it serves. @throws Error with what it said if it does not */
  async ready(): Promise<this> {
    await until(`daemon ${this.number} serves`, async () => {
      if (this.#hasEnded) throw new Error(`the daemon ended: ${await this.said()}`);
      return (await this.serves()) || undefined;
    });
    return this;
  }

  said(): Promise<string> {
    return readFile(`${this.#files}.err`, 'utf8');
  }

  /** Tells the interposer what to do at the N-th request from now on. */
  async arm(mode: Mode, request: number): Promise<void> {
    const file = `${this.#files}.control`;
    await writeFile(`${file}.new`, `${this.#generation + 1} ${mode} ${request}\n`);
    await rename(`${file}.new`, file);
    this.#generation++;
  }

  /** What passed, or was stopped, since `arm`. */
  async requests(kind: 'request' | 'stopped', generation = String(this.#generation)): Promise<string[]> {
    const text = await readFile(`${this.#files}.requests`, 'utf8').catch(() => '');
    const prefix = `${kind} ${generation} `;
    return text.split('\n').flatMap((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : []));
  }

  /** kill -9, at once. What its worker still does, it does. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
    this.client.close();
  }

  /** As systemd ends it. @returns its exit code */
  async stop(): Promise<string> {
    this.#process.kill('SIGTERM');
    const ended = await this.ended;
    this.client.close();
    return ended;
  }

  /** The interposer and the worker behind it. */
  async workers(): Promise<number[]> {
    const children = async (pid: number) =>
      (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).split(' ').map(Number);
    const [interposer = 0] = (await children(this.pid)).filter((pid) => pid > 0);
    const [worker = 0] = interposer === 0 ? [] : await children(interposer);
    return [interposer, worker].filter((pid) => pid > 0);
  }
}
