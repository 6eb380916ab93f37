import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { eventually } from './eventually.ts';
import { makeTempDir } from './temp-dir.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const ENDED = /\[exit status (\d+)\]/;

/** A person at a terminal: tmux keeps the screen, and types. Its server is this object's alone. */
export class Tmux {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** Runs a command in a terminal; the screen stays when it has ended. */
  static async run(
    t: ExecutionContext,
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    { columns, rows }: Size = { columns: 80, rows: 24 },
  ): Promise<Tmux> {
    const directory = await makeTempDir();
    const tmux = new Tmux(path.join(directory, 'tmux.sock'));
    t.teardown(async () => {
      await tmux.close().catch(() => undefined);
      await rm(directory, { recursive: true, force: true });
    });
    const size = ['-x', String(columns), '-y', String(rows)];
    const env = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    // A shell that tells the exit status, and keeps the screen.
    const shell = ['sh', '-c', '"$0" "$@"; echo "[exit status $?]"; exec sleep 600', ...command];
    await tmux.#tmux(['-f', '/dev/null', 'new-session', '-d', ...size, ...env, ...shell]);
    return tmux;
  }

  /** The screen as text. */
  async screen(): Promise<string> {
    return (await this.#tmux(['capture-pane', '-p'])).trimEnd();
  }

  /** Waits until the screen shows it. @returns the screen. */
  async shows(what: RegExp, timeoutMs = 20_000): Promise<string> {
    let last = '';
    try {
      return await eventually(
        async () => {
          last = await this.screen();
          return what.test(last) ? last : undefined;
        },
        { timeoutMs },
      );
    } catch (error) {
      throw new Error(`the terminal does not show ${String(what)}, but:\n${last}`, { cause: error });
    }
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.#tmux(['send-keys', '-l', text]);
  }

  /** Presses keys by tmux's names: `Enter`, `C-c`, `Escape`. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.#tmux(['send-keys', key]);
      // Programs tell a key called Escape from the beginning of another by the time between.
      await sleep(50);
    }
  }

  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press('Enter');
  }

  async resize({ columns, rows }: Size): Promise<void> {
    await this.#tmux(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }

  /** Waits until the command has ended. @returns its exit status. */
  async exitStatus(timeoutMs?: number): Promise<number> {
    const screen = await this.shows(ENDED, timeoutMs);
    return Number(ENDED.exec(screen)?.[1]);
  }

  /** Kills the command with SIGKILL, of which it can tell nobody. */
  async killCommand(): Promise<void> {
    const shell = await this.#tmux(['display-message', '-p', '#{pane_pid}']);
    const children = await readFile(`/proc/${shell}/task/${shell}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
  }

  async close(): Promise<void> {
    await this.#tmux(['kill-server']);
  }

  async #tmux(args: readonly string[]): Promise<string> {
    const { stdout } = await execa('tmux', ['-S', this.#socket, ...args], { timeout: 10_000 });
    return stdout;
  }
}
