import { settlesWithin } from '../support/settles-within.ts';
import { copyIn, copyOut } from './copy.ts';
import type { Channel, CommandOptions, Streams } from './machine/channel.ts';

export interface RunOptions extends CommandOptions {
  /** How long the command may take; a minute unless given. */
  readonly timeoutMs?: number;
  /** Its stdin, which is empty unless given. */
  readonly input?: string | Uint8Array;
}

export interface RunResult {
  /** 128 + n if signal n ended it, as a shell tells it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 60_000;

/** ssh's own failures have this exit code; a command may have it too. */
const SSH_FAILED = 255;

/** A running machine, for whoever has a channel to it. */
export class Vm {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Runs a program as root to its end, whatever its exit code. There is no shell in between: for one, run `sh -c`.
   * @throws Error if it takes too long, in which case it is killed, or if the machine is gone.
   */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { timeoutMs = TIMEOUT_MS, input } = options;
    const command = this.spawn(argv, options, input === undefined ? { stdin: 'ignore' } : { input });
    const inTime = await settlesWithin(command.child, timeoutMs);
    if (!inTime) {
      await command.kill('SIGKILL');
      command.child.kill('SIGKILL');
      throw new Error(`in the VM, ${argv.join(' ')} took longer than ${timeoutMs} ms and was killed`);
    }
    const { exitCode, stdout, stderr } = await command.child;
    const result = { exitCode: exitCode ?? SSH_FAILED, stdout: String(stdout), stderr: String(stderr) };
    if (result.exitCode === SSH_FAILED && !(await this.answers())) {
      throw new Error(`the VM is gone, while it ran ${argv.join(' ')}: ${result.stderr}`);
    }
    return result;
  }

  /**
   * Runs a program that has to succeed.
   * @returns its stdout, without the newline at the end. @throws Error with its stderr if the exit code is not 0.
   */
  async succeed(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(argv, options);
    if (exitCode === 0) return stdout.replace(/\n$/, '');
    throw new Error(`in the VM, ${argv.join(' ')} ended with ${exitCode}: ${stderr || stdout}`);
  }

  /** Starts a program for those who want to speak to it while it runs; `kill` reaches it in the machine. */
  spawn(argv: readonly string[], options: CommandOptions = {}, streams: Streams = { stdin: 'ignore' }) {
    return this.#channel.start(argv, options, streams);
  }

  async answers(): Promise<boolean> {
    const { child } = this.spawn(['true'], { cwd: '/' });
    return (await settlesWithin(child, TIMEOUT_MS)) && (await child).exitCode === 0;
  }

  /** Copies a file or a directory of this host; `remote` is what it is called there. */
  copyIn(local: string, remote: string): Promise<void> {
    return copyIn(this, local, remote);
  }

  /** Copies a file or a directory of the machine; `local` is what it is called here. */
  copyOut(remote: string, local: string): Promise<void> {
    return copyOut(this, remote, local);
  }
}
