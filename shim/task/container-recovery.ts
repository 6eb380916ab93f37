import { setTimeout as timeout } from 'node:timers/promises';
import type { Logger } from '../../common/logger.ts';
import { messagesOf, type MonitorMessage, type MonitorStatus } from '../monitor/messages.ts';
import type { Announcements } from './announcements.ts';
import type { ExecTable } from './exec-table.ts';
import { readFailure, readStatus } from './monitor-files.ts';
import type { MonitorLink } from './monitor-link.ts';
import type { Pausing } from './pausing.ts';

/** How long a daemon's start waits for what a monitor tells at once, unless the kernel or a debugger holds it. */
const GREETING_TIMEOUT_MS = 1000;
/** For what a dead monitor has left, at a daemon's start. */
const ENDING_TIMEOUT_MS = 1000;

/** A container that an earlier daemon left. */
export interface RecoverableContainer {
  readonly namespace: string;
  readonly id: string;
  readonly directory: string;
  readonly link: MonitorLink;
  readonly announcements: Announcements;
  readonly execs: ExecTable;
  readonly pausing: Pausing;
  /** containerd dropped it: nothing of it is told. */
  readonly isAbandoned: boolean;
  message(message: MonitorMessage): void;
}

/** What comes of a container whose monitor is gone. */
export interface RecoveredEnds {
  /** Its creation failed; without a reason nobody has decided about it. */
  failed(reason: string | undefined): Promise<void>;
  /** It has ended, as the status says if it does; resolves when what is left is cleaned up. */
  endedWithoutMonitor(status: MonitorStatus | undefined): Promise<void>;
}

/** Takes a container over from an earlier daemon: from its monitor if that lives, else from what it left. */
export class ContainerRecovery {
  readonly #container: RecoverableContainer;
  readonly #ends: RecoveredEnds;
  readonly #logger: Logger;
  #isGreeting = false;

  constructor(container: RecoverableContainer, ends: RecoveredEnds, logger: Logger) {
    this.#container = container;
    this.#ends = ends;
    this.#logger = logger;
  }

  /** A connection to the monitor is being made, and it has not told all yet: if it ends, `run` sees to that. */
  get isGreeting(): boolean {
    return this.#isGreeting;
  }

  /** Without a status the container was being created. */
  async run(found: MonitorStatus | undefined): Promise<void> {
    const { link, execs, pausing, directory } = this.#container;
    await this.#recoverEvents();
    await execs.find();
    const isGreeted = await this.#greet(found);
    const isThere = link.isOpen;
    // One that is gone may have written more since.
    const status = isThere ? found : ((await readStatus(directory).catch(() => undefined)) ?? found);
    if (!isThere) await execs.find();
    // What is told first is what has happened first, whoever tells it.
    if (status === undefined) {
      if (!isThere) await this.#ends.failed((await readFailure(directory))?.text);
    } else if (!isGreeted) {
      this.#tell(status);
    }
    await pausing.recover();
    await execs.recover();
    if (!isThere) await this.#endInTime(status);
    else if (status?.exit !== undefined) this.#container.message({ type: 'exited', exit: status.exit });
  }

  /** A monitor that ended while nobody was connected to it has left word of what happened meanwhile. */
  async readLastWords(wasCreated: boolean): Promise<void> {
    const { execs, directory } = this.#container;
    try {
      await execs.reread();
      const status = await readStatus(directory);
      if (status !== undefined && wasCreated) this.#tell(status);
    } catch (error) {
      this.#logger.warn({ ...this.#identity, err: error }, 'what a monitor has left word of cannot be read');
    }
  }

  #tell(status: MonitorStatus): void {
    for (const message of messagesOf(status)) this.#container.message(message);
  }

  /** Events that cannot be read are lost; the container is not. */
  async #recoverEvents(): Promise<void> {
    const { announcements, isAbandoned } = this.#container;
    try {
      // Of one that is given up nothing is told; the journal may be gone, and with it what was.
      if (isAbandoned) await announcements.discard();
      else await announcements.recover();
    } catch (error) {
      this.#logger.error({ ...this.#identity, err: error }, 'the journal of a container cannot be read');
    }
  }

  /** @returns whether the monitor has told what it knows of a container that was created. */
  async #greet(found: MonitorStatus | undefined): Promise<boolean> {
    const { link } = this.#container;
    this.#isGreeting = true;
    try {
      const isConnected = await link.connect().then(
        () => true,
        () => false,
      );
      return isConnected && found !== undefined && (await this.#isGreeted()) && link.isOpen;
    } finally {
      this.#isGreeting = false;
    }
  }

  /** A monitor that does not answer, because a mount or an unmount hangs, must not keep the daemon from all others. */
  async #isGreeted(): Promise<boolean> {
    const { link } = this.#container;
    const late = timeout(GREETING_TIMEOUT_MS, false, { ref: false });
    const isGreeted = await Promise.race([link.greeted.then(() => true), late]);
    if (!isGreeted && link.isOpen) {
      this.#logger.warn(this.#identity, 'the monitor of a container does not answer; its file tells its state');
    }
    return isGreeted;
  }

  /** A hook, or an unmount, that hangs must not keep the daemon from all other containers; this one ends when it does. */
  async #endInTime(status: MonitorStatus | undefined): Promise<void> {
    const ending = this.#ends.endedWithoutMonitor(status);
    await Promise.race([ending, timeout(ENDING_TIMEOUT_MS, undefined, { ref: false })]);
  }

  get #identity(): object {
    const { namespace, id } = this.#container;
    return { namespace, id };
  }
}
