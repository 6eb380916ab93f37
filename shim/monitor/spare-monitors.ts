import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';

/**
 * When a new spare is made, so that it takes no time from a container: some time after one was created, by when it
 * has probably been started; or soon after one was deleted.
 */
const REFILL_AFTER_CREATE_MS = 100;
const REFILL_AFTER_DELETE_MS = 5;

export interface MonitorPrograms {
  readonly monitor: string;
  readonly driver: string;
  readonly init: string;
}

/**
 * Starts monitors, and keeps one ready: it has forked, loaded liblxc and copied the init before there is a container,
 * which would otherwise wait for it. A monitor without a container ends with this process.
 */
export class SpareMonitors {
  readonly #programs: MonitorPrograms;
  #spare: Duplex | undefined;
  #refill: NodeJS.Timeout | undefined;
  #closed = false;
  #isPreparing = false;

  constructor(programs: MonitorPrograms) {
    this.#programs = programs;
  }

  /** @returns the connection to a monitor that waits for its container. @throws if none can be started. */
  async take(): Promise<Duplex> {
    this.#refillIn(REFILL_AFTER_CREATE_MS);
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.writable === true ? spare : this.#start();
  }

  /** One is being started, or is about to be. */
  get isPreparing(): boolean {
    return this.#isPreparing || this.#refill !== undefined;
  }

  /** Lets the spare go. */
  close(): void {
    this.#closed = true;
    this.#cancelRefill();
    this.#spare?.destroy();
    this.#spare = undefined;
  }

  /** A container is gone: a good moment. */
  refill(): void {
    this.#refillIn(REFILL_AFTER_DELETE_MS);
  }

  #refillIn(milliseconds: number): void {
    this.#cancelRefill();
    this.#refill = setTimeout(() => {
      this.#refill = undefined;
      void this.prepare();
    }, milliseconds);
    this.#refill.unref();
  }

  #cancelRefill(): void {
    clearTimeout(this.#refill);
    this.#refill = undefined;
  }

  /** Does nothing if there is one already. */
  async prepare(): Promise<void> {
    if (!this.#mayKeepSpare() || this.#isPreparing) return;
    this.#isPreparing = true;
    // Whoever needs one tries again, and reports the error.
    const spare = await this.#start().catch(() => undefined);
    this.#isPreparing = false;
    if (this.#mayKeepSpare()) this.#spare = spare;
    else spare?.destroy();
  }

  #mayKeepSpare(): boolean {
    return !this.#closed && this.#spare?.writable !== true;
  }

  async #start(): Promise<Duplex> {
    const { monitor, driver, init } = this.#programs;
    const child = spawn(monitor, [driver, init], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    child.unref();
    // Node types index 3 as either direction; a pipe is both.
    const stream = child.stdio[3] as Duplex;
    // An unused one must not keep this process alive, nor end it.
    stream.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', resolve);
    });
    return stream;
  }
}
