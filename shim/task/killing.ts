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
    const { status, link, hasNoProcess, pausing } = this.#container;
    if (status === 'stopped' && !link.mayHaveDone(call)) throw notFound(PROCESS_ALREADY_FINISHED);
    if (hasNoProcess && signal !== SIGKILL) throw failedPrecondition(PROCESS_NOT_CREATED);
    const errno = await (call === undefined ? this.#signalForNobody(signal, all) : this.#signalFor(call, signal, all));
    if (signal === SIGKILL) await pausing.letDie();
    checkSignalled(errno, signal);
  }

  /** Once, whichever daemon it is: so it is the monitor that does it. */
  async #signalFor(call: CallIdentity, signal: number, all: boolean): Promise<number> {
    const { link, hasNoProcess, cgroups } = this.#container;
    const command = hasNoProcess ? 'abort' : `${all ? 'signal-all' : 'signal'} ${signal}`;
    return link.carryOut(call, command).catch(async (error: unknown) => {
      if (signal !== SIGKILL || hasNoProcess) throw error;
      // Past a monitor that stands still: a container must not live on for that.
      await signalProcesses(cgroups, SIGKILL);
      return 0;
    });
  }

  async #signalForNobody(signal: number, all: boolean): Promise<number> {
    const { link, hasNoProcess, cgroups } = this.#container;
    if (!hasNoProcess && !all) return link.signal(signal);
    if (hasNoProcess) this.abort();
    else await signalProcesses(cgroups, signal);
    return 0;
  }

  /** Ends the container while it is being created. */
  abort(): void {
    this.#container.link.send('abort');
  }

  /** Ends the container, in whatever state it is. */
  async end(): Promise<void> {
    const { status, hasNoProcess, link, cgroups, pausing } = this.#container;
    // There may be no process to kill yet, but one to come; and cgroups that are not ours yet.
    if (status === 'creating' || hasNoProcess) this.abort();
    if (status === 'creating' || status === 'stopped') return;
    await signalProcesses(cgroups, SIGKILL);
    await pausing.letDie();
    await link.signal(SIGKILL);
  }
}
