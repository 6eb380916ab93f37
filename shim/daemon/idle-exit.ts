import { stat, unlink, writeFile } from 'node:fs/promises';
import type { RunPaths } from './paths.ts';

export interface IdleDaemon {
  /** Without containers and without connections. */
  isIdle(): boolean;
  /** The decision is made: takes away what launchers hand out, but for the main socket, which goes next. */
  leave(): Promise<void>;
  /** No launcher can find this daemon any more: ends the process. */
  end(): Promise<void>;
}

/**
 * Ends an idle daemon without racing a launcher that is about to hand out its socket: the daemon's side of the protocol
 * in shim/native/launcher/ensure-daemon.h. Both write their mark before they read the other's.
 */
export class IdleExit {
  readonly #paths: RunPaths;
  readonly #lingerMs: number;
  readonly #daemon: IdleDaemon;
  #linger: Linger | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(paths: RunPaths, lingerMs: number, daemon: IdleDaemon) {
    this.#paths = paths;
    this.#lingerMs = lingerMs;
    this.#daemon = daemon;
  }

  watch(): void {
    const interval = Math.min(1000, Math.max(20, this.#lingerMs / 4));
    this.#timer = setTimeout(() => {
      void this.#check();
    }, interval);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** A file that somebody removed must not keep the daemon for ever: what fails is tried again. */
  async #check(): Promise<void> {
    const leaves = await this.#mayLeave().catch(() => false);
    if (leaves) await this.#daemon.end();
    else this.watch();
  }

  async #mayLeave(): Promise<boolean> {
    return (await this.#hasLingered()) && (await this.#tryToLeave());
  }

  /** Whether nobody has wanted this daemon for the whole linger time. Wall clocks may jump, so none is asked. */
  async #hasLingered(): Promise<boolean> {
    const lastStart = await this.#lastStart();
    if (!this.#daemon.isIdle() || this.#linger?.lastStart !== lastStart) {
      this.#linger = { since: performance.now(), lastStart };
      return false;
    }
    return performance.now() - this.#linger.since >= this.#lingerMs;
  }

  /** The launcher touches the lock file at each `start`: its mtime in nanoseconds. */
  async #lastStart(): Promise<bigint> {
    return (await stat(this.#paths.lock, { bigint: true })).mtimeNs;
  }

  async #tryToLeave(): Promise<boolean> {
    await writeFile(this.#paths.leaving, '', { mode: 0o600 });
    if (!this.#daemon.isIdle() || (await this.#lastStart()) !== this.#linger?.lastStart) {
      await unlink(this.#paths.leaving);
      return false;
    }
    await this.#daemon.leave();
    await unlink(this.#paths.socket);
    await unlink(this.#paths.leaving);
    return true;
  }
}

/** The time without containers, connections and launchers. */
interface Linger {
  /** performance.now() */
  readonly since: number;
  readonly lastStart: bigint;
}
