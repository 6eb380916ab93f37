import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { BOUND_TO_US } from './bound-process.ts';
import { QEMU } from './qemu-program.ts';
import { consoleLog, machineArguments, type Machine } from './machine-arguments.ts';
import { Qmp } from './qmp.ts';

/** A running QEMU. It ends with this process, however that ends. */
export class Qemu {
  readonly qmp: Qmp;
  /** What it said when it ended. */
  readonly ended: Promise<string>;
  readonly #child: ReturnType<typeof spawn>;
  readonly consoleLog: string;

  private constructor(child: ReturnType<typeof spawn>, qmp: Qmp, machine: Machine) {
    this.#child = child;
    this.consoleLog = consoleLog(machine.runDirectory);
    this.qmp = qmp;
    this.ended = child.then(({ stderr, shortMessage }) => `${shortMessage ?? 'QEMU ended'}\n${stderr}`.trim());
  }

  static async start(machine: Machine, moreArguments: readonly string[] = []): Promise<Qemu> {
    const child = spawn([...machineArguments(machine), ...moreArguments], path.dirname(machine.memory.file));
    try {
      return new Qemu(child, await Qmp.connect(child.stdin, child.stdout), machine);
    } catch (error) {
      const { stderr } = await child;
      throw new Error(`QEMU did not start: ${stderr}`, { cause: error });
    }
  }

  /** The port of this host, on 127.0.0.1, that leads to the machine's ssh. */
  async sshPort(): Promise<number> {
    const table = await this.qmp.execute('human-monitor-command', { 'command-line': 'info usernet' });
    const port = /HOST_FORWARD\S*\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(String(table))?.[1];
    if (port === undefined) throw new Error(`QEMU has no forward to ssh; its table: ${String(table)}`);
    return Number(port);
  }

  /** The last lines of the machine's console, for errors. */
  async consoleTail(): Promise<string> {
    const text = await readFile(this.consoleLog, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-20).join('\n');
  }

  /** Ends it like a power cut: nothing of it is kept. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#child;
  }

  /** Ends it with its disks written. */
  async quit(): Promise<void> {
    await this.qmp.execute('quit');
    await this.#child;
  }
}

/** In a session of its own: a ctrl-c is for whoever owns the machine, who then ends it. */
function spawn(args: readonly string[], cwd: string) {
  return execa(BOUND_TO_US.program, [...BOUND_TO_US.args, QEMU, ...args], {
    cwd,
    detached: true,
    reject: false,
    stdin: 'pipe',
    buffer: { stdout: false },
  });
}
