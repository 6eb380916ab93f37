import { setTimeout as sleep } from 'node:timers/promises';
import { Life, Trouble } from './life.ts';

/** An init that ends with this status when it is told to. */
export const patient = (exit: number) => [
  'sh',
  '-c',
  `trap "exit ${exit}" TERM; echo ready; while :; do sleep 1000 & wait; done`,
];

interface Exec {
  readonly args: readonly string[];
  readonly exit: number;
  readonly terminal?: boolean;
  /** Written to its stdin. */
  readonly input?: string;
  /** A signal that ends it. */
  readonly signal?: number;
  /** All that it says. */
  readonly says: string;
}

const TERM = 15;
const KILL = 9;

/** Runs until it is told to end; meanwhile it is looked into, paused, and others run in it. */
export class BusyLife extends Life {
  readonly kind: string = 'busy';
  #execs = 0;

  protected async live(): Promise<void> {
    const exit = this.random.between(0, 255);
    await this.define(patient(exit));
    await this.create();
    if (!(await this.start())) return this.end(exit);
    const steps = this.random.between(2, 6);
    for (let step = 0; step < steps && !this.isKilled(); step += 1) await this.#step();
    // Without a handler an init does not hear of a TERM.
    if (this.random.chance(0.3) || !(await this.says('ready'))) {
      await this.kill(KILL);
      return this.end(137);
    }
    await this.kill(TERM);
    return this.end(exit);
  }

  async #step(): Promise<void> {
    const { random } = this;
    await random.pick([
      () => this.exec(this.#plain()),
      () => this.exec(this.#terminal()),
      () => this.exec(this.#echo()),
      () => this.exec({ args: ['sleep', '1000'], exit: 137, signal: KILL, says: '' }),
      () => this.#pause(),
      () => this.act('stats'),
      () => this.act('pids'),
      () => sleep(random.between(0, 500)),
    ] as const)();
  }

  #plain(): Exec {
    const exit = this.random.between(0, 255);
    return { args: ['sh', '-c', `echo plain; exit ${exit}`], exit, says: 'plain\n' };
  }

  #terminal(): Exec {
    const exit = this.random.between(0, 255);
    return { args: ['sh', '-c', `test -t 0 && echo tty; exit ${exit}`], exit, says: 'tty\r\n', terminal: true };
  }

  #echo(): Exec {
    const input = 'back and forth\n'.repeat(this.random.between(1, 200));
    return { args: ['cat'], exit: 0, says: input, input };
  }

  protected async exec({ args, exit, terminal = false, input, signal, says }: Exec): Promise<void> {
    const exec = `e${(this.#execs += 1)}`;
    const added = await this.act(
      'exec',
      { exec, args, terminal, stdin: input !== undefined },
      (status) => status !== 'none',
    );
    if (added.outcome !== 'done') {
      this.#mayHave(exec, '/tasks/exec-added');
      return;
    }
    this.expectation.must('/tasks/exec-added', { exec });
    const started = await this.act('start', { exec }, (status) => status !== 'created' && status !== 'none');
    if (started.outcome === 'full') await this.act('delete', { exec }, (status) => status === 'none');
    if (started.outcome !== 'done') {
      this.#mayHave(exec, '/tasks/exec-started', '/tasks/exit');
      return;
    }
    this.expectation.must('/tasks/exec-started', { exec });
    this.expectation.must('/tasks/exit', { exec, exit });
    if (terminal) await this.attempt('resize', { exec });
    if (input !== undefined) await this.#write(exec, input);
    if (signal !== undefined) await this.kill(signal, exec);
    await this.#finish(exec, exit, says);
  }

  async #write(exec: string, text: string): Promise<void> {
    await this.act('input', { exec, text });
    await this.act('close', { exec });
  }

  async #finish(exec: string, exit: number, says: string): Promise<void> {
    const waited = await this.act('wait', { exec });
    if (waited.outcome === 'killed') return;
    if (!this.expectation.allows(exit, waited.answer.exit))
      throw new Trouble(`exit status ${waited.answer.exit} of ${exec} instead of ${exit}`);
    if (!this.isKilled()) {
      const { text } = await this.output(exec);
      if (!this.isKilled() && text !== says) throw new Trouble(`${exec} said ${JSON.stringify(text)}`);
    }
    await this.act('delete', { exec }, (status) => status === 'none');
  }

  async #pause(): Promise<void> {
    const { outcome } = await this.act('pause', {}, (status) => status === 'paused');
    if (outcome !== 'done') this.expectation.may('/tasks/paused');
    else this.expectation.must('/tasks/paused');
    if (this.isKilled()) {
      this.expectation.may('/tasks/resumed');
      return;
    }
    if (outcome === 'full' && (await this.look()) !== 'paused') return;
    await this.act('stats');
    const resumed = await this.act('resume', {}, (status) => status === 'running');
    if (resumed.outcome === 'full') throw new Trouble('resume needs room in the state directory');
    if (resumed.outcome === 'done') this.expectation.must('/tasks/resumed');
    else this.expectation.may('/tasks/resumed');
  }

  #mayHave(exec: string, ...topics: readonly string[]): void {
    for (const topic of topics) this.expectation.may(topic, exec);
  }
}
