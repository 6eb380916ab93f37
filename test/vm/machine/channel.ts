import { access, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Options } from 'execa';
import { CHECKOUT } from '../checkout.ts';
import { BOUND_TO_US } from './bound-process.ts';

export interface CommandOptions {
  /** Added to the machine's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the command starts; in the checkout unless given. */
  readonly cwd?: string;
  readonly terminal?: boolean;
}

/** What execa connects to the command. */
export type Streams = Pick<Options, 'stdin' | 'stdout' | 'stderr' | 'input' | 'buffer'>;

/**
 * Commands travel over one ssh connection, which one process of ssh holds (ControlMaster) and others use by its socket:
 * any process that knows the run directory.
 */
export class Channel {
  readonly #socket: string;
  #lastId = 0;

  constructor(runDirectory: string) {
    this.#socket = path.join(runDirectory, 'ssh');
  }

  /** Connects, as often as it takes until the machine lets us in; the connection ends with the machine. */
  async connect(image: string, port: number, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const failure = await this.#tryConnect(image, port, deadline);
      if (failure === undefined) return;
      if (Date.now() > deadline) throw new Error(`ssh: ${failure}`);
      await sleep(100);
    }
  }

  /** @returns why not, or undefined once it is connected. */
  async #tryConnect(image: string, port: number, deadline: number): Promise<string | undefined> {
    await rm(this.#socket, { force: true });
    const options = [...CLIENT, ...identity(image), '-o', `ControlPath=${this.#socket}`, '-o', 'ControlMaster=yes'];
    const master = execa(
      BOUND_TO_US.program,
      [...BOUND_TO_US.args, 'ssh', ...options, '-N', '-p', String(port), 'root@127.0.0.1'],
      { stdin: 'ignore', detached: true, reject: false, buffer: { stdout: false } },
    );
    const ended = master.then(({ stderr }) => stderr || 'ended');
    for (;;) {
      const failure = await Promise.race([ended, sleep(20)]);
      if (failure !== undefined) return failure;
      // The master makes its socket once it is let in.
      if (await isThere(this.#socket)) return undefined;
      if (Date.now() > deadline) master.kill('SIGKILL');
    }
  }

  /** A master that was killed leaves its socket behind, hence the question. */
  async isConnected(): Promise<boolean> {
    const question = [...this.#client(), '-O', 'check', 'vm'];
    const { exitCode } = await execa('ssh', question, { stdin: 'ignore', reject: false, timeout: 20_000 });
    return exitCode === 0;
  }

  /** Starts a command. Its `reject` is off: the exit code is the command's, or 255 if ssh itself failed. */
  start(argv: readonly string[], options: CommandOptions, streams: Streams) {
    const id = `${process.pid}-${++this.#lastId}`;
    const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const remote = ['vm-run', id, options.cwd ?? CHECKOUT, ...env, '--', ...argv].map(quote).join(' ');
    const terminal = options.terminal === true ? '-tt' : '-T';
    const child = execa('ssh', [...this.#client(), terminal, 'vm', remote], {
      ...streams,
      reject: false,
      stripFinalNewline: false,
    });
    return { child, kill: (signal: NodeJS.Signals) => this.#signal(id, signal) };
  }

  /** Sends a signal to a command and to what it started, unless that left its process group. */
  async #signal(id: string, signal: NodeJS.Signals): Promise<void> {
    const script = 'kill -s "$1" -- "-$(cat "/run/vm/$2")"';
    const remote = ['sh', '-c', script, 'sh', signal.replace(/^SIG/, ''), id].map(quote).join(' ');
    await execa('ssh', [...this.#client(), '-T', 'vm', remote], { stdin: 'ignore', reject: false, timeout: 20_000 });
  }

  async disconnect(): Promise<void> {
    await execa('ssh', [...this.#client(), '-O', 'exit', 'vm'], { stdin: 'ignore', reject: false, timeout: 20_000 });
  }

  #client(): string[] {
    return [...CLIENT, '-o', 'ControlMaster=no', '-o', `ControlPath=${this.#socket}`];
  }
}

/** Nothing of the user's configuration, and no word of ssh's own between those of the command. */
const CLIENT = ['-F', 'none', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes'];

function identity(image: string): string[] {
  const options = [
    ...['IdentitiesOnly=yes', 'IdentityAgent=none', `IdentityFile="${path.join(image, 'client_key')}"`],
    ...['StrictHostKeyChecking=yes', 'HostKeyAlias=vm', 'GlobalKnownHostsFile=/dev/null'],
    ...[`UserKnownHostsFile="${path.join(image, 'known_hosts')}"`, 'ConnectTimeout=20'],
  ];
  return options.flatMap((option) => ['-o', option]);
}

/** For the machine's shell, which is what ssh speaks to. */
const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
