import { failedPrecondition, notFound } from '../../common/errors.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import { signalProcesses } from '../cgroups/processes.ts';
import type { CallIdentity } from './call-identity.ts';
import { PROCESS_ALREADY_FINISHED, PROCESS_NOT_CREATED } from './messages.ts';
import type { MonitorLink } from './monitor-link.ts';
import type { Pausing } from './pausing.ts';
import { checkSignalled, type ProcessStatus } from './task-process.ts';

const SIGKILL = 9;

/** The container whose processes get signals. */
export interface Killable {
  readonly status: ProcessStatus;
  /** It is to be restored, and has nobody yet who could get one. */
  readonly hasNoProcess: boolean;
  readonly cgroups: readonly Cgroup[];
  readonly link: MonitorLink;
  readonly pausing: Pausing;
}

/** Sends signals to a container's processes. */
export class Killing {
  readonly #container: Killable;

  constructor(container: Killable) {
    this.#container = container;
  }

  /** Waits for no other call: a Start may hang in the payload's exec, and must be ended by this. */
  async kill(signal: number, all: boolean, call?: CallIdentity): Promise<void> {
    const { status, link, hasNoProcess } = this.#container;
    if (status === 'stopped' && !link.mayHaveDone(call)) throw notFound(PROCESS_ALREADY_FINISHED);
    if (hasNoProcess && signal !== SIGKILL) throw failedPrecondition(PROCESS_NOT_CREATED);
    if (call === undefined) await this.#killForNobody(signal, all);
    else await this.#killFor(call, signal, all);
  }

  /** Once, whichever daemon it is: so it is the monitor that does it. */
  async #killFor(call: CallIdentity, signal: number, all: boolean): Promise<void> {
    const { link, pausing, hasNoProcess } = this.#container;
    const command = hasNoProcess ? 'abort' : `${all ? 'signal-all' : 'signal'} ${signal}`;
    const errno = await link.carryOut(call, command).catch(async (error: unknown) => {
      if (signal !== SIGKILL || hasNoProcess) throw error;
      // Past a monitor that stands still: a container must not live on for that.
      await signalProcesses(this.#container.cgroups, SIGKILL);
      return 0;
    });
    if (signal === SIGKILL) await pausing.letDie();
    checkSignalled(errno, signal);
  }

  async #killForNobody(signal: number, all: boolean): Promise<void> {
    const { link, pausing, hasNoProcess } = this.#container;
    if (hasNoProcess) {
      this.abort();
      return;
    }
    if (all) {
      await this.#signalAll(signal);
      return;
    }
    const errno = await link.signal(signal);
    if (signal === SIGKILL) await pausing.letDie();
    checkSignalled(errno, signal);
  }

  async #signalAll(signal: number): Promise<void> {
    await signalProcesses(this.#container.cgroups, signal);
    if (signal === SIGKILL) await this.#container.pausing.letDie();
  }

  /** Ends the container while it is being created. */
  abort(): void {
    this.#container.link.send('abort');
  }

  /** Ends the container, in whatever state it is. */
  async end(): Promise<void> {
    const { status, hasNoProcess, link } = this.#container;
    // There may be no process to kill yet, but one to come; and cgroups that are not ours yet.
    if (status === 'creating' || hasNoProcess) this.abort();
    if (status === 'creating' || status === 'stopped') return;
    await this.#signalAll(SIGKILL);
    await link.signal(SIGKILL);
  }
}
