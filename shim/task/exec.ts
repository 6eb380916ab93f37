import { constants } from 'node:os';
import { StatusError, Code, failedPrecondition, notFound } from '../../common/errors.ts';
import { SerialQueue } from '../../common/serial-queue.ts';
import { taskExecAdded, taskExecExit, taskExecStarted } from '../events/task-events.ts';
import {
  endedNow,
  type ExecMessage,
  type ExitRecord,
  type MonitorStatus,
  type ProcessIdentity,
} from '../monitor/messages.ts';
import type { Announcements } from './announcements.ts';
import type { CallIdentity } from './call-identity.ts';
import { Deferred } from './deferred.ts';
import {
  removeExecLeftovers,
  removeExecPlan,
  writeTerminalSize,
  type ExecRecord,
  type FoundExec,
} from './exec-record.ts';
import { processName, type KeptAnswers } from './kept-answers.ts';
import {
  CANNOT_DELETE_RUNNING,
  CANNOT_RESIZE_STOPPED,
  CANNOT_START,
  PROCESS_ALREADY_FINISHED,
  PROCESS_NOT_CREATED,
  execFailed,
  initNotRunning,
  processDoesNotExist,
} from './messages.ts';
import type { MonitorLink } from './monitor-link.ts';
import type { Stdio } from './stdio.ts';
import {
  checkSignalled,
  plainError,
  resizeCommand,
  type ProcessStatus,
  type TaskProcess,
  type TerminalSize,
} from './task-process.ts';

const { errno } = constants;
const FAILED_STATUS = 255;

/** The container that an exec is in. */
export interface ExecContainer {
  readonly namespace: string;
  readonly id: string;
  /** The state directory. */
  readonly directory: string;
  readonly status: ProcessStatus;
  /** A checkpoint is being made, in which what begins now would not be. */
  readonly isDumping: boolean;
  /** A path of the host's network namespace. */
  readonly hostNetwork: string;
  readonly link: MonitorLink;
  readonly announcements: Announcements;
  readonly answers: KeptAnswers;
}

/** A process beside the container's first one. The monitor starts it, and tells what becomes of it. */
export class Exec implements TaskProcess {
  readonly execId: string;
  readonly stdio: Stdio;
  readonly record: ExecRecord;
  readonly #container: ExecContainer;
  readonly #prefix: string;
  readonly #queue = new SerialQueue();
  #exited = new Deferred<ExitRecord>();
  readonly #released = new Deferred<void>();
  /** Of the start that is under way. */
  #started: Deferred<void> | undefined;
  /** Whose call that is. */
  #starting: CallIdentity | undefined;
  #status: 'created' | 'running' | 'stopped' = 'created';
  #process: ProcessIdentity = { pid: 0, startTime: 0n };
  #exit: ExitRecord | undefined;
  #terminalSize: TerminalSize | undefined;
  /** Whose call has started it. */
  #asked: CallIdentity | undefined;
  #releasing = false;
  #deleted = false;

  constructor(record: ExecRecord, container: ExecContainer) {
    this.record = record;
    this.execId = record.execId;
    this.stdio = record.stdio;
    this.#container = container;
    this.#prefix = `exec ${record.execId} `;
  }

  /** A container's pause is every process's: containerd, pkg/process/exec.go, Status. */
  get status(): ProcessStatus {
    return this.#status !== 'stopped' && this.#container.status === 'paused' ? 'paused' : this.#status;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** There is a process, or is about to be. */
  get isAlive(): boolean {
    return this.#status === 'running' || this.#started !== undefined;
  }

  get exit(): ExitRecord | undefined {
    return this.#exit;
  }

  /** Tells clients that it is there. */
  async announce(): Promise<void> {
    await this.#container.announcements.once(taskExecAdded(this.#container.id, this.execId));
  }

  /** Takes up what an earlier daemon and its monitor wrote of it. */
  recover({ status, size }: Omit<FoundExec, 'record'>): void {
    this.#terminalSize = size;
    this.reread(status);
  }

  /** Takes up what its monitor wrote of it. */
  reread(status: MonitorStatus | undefined): void {
    if (status === undefined) return;
    // The monitor, if it lives, has said so already.
    this.#asked ??= status.asked;
    this.receive({ type: 'running', process: status.init });
    if (status.exit !== undefined) this.receive({ type: 'exited', exit: status.exit });
  }

  start(call?: CallIdentity): Promise<number> {
    return this.#queue.run(async () => {
      if (this.#deleted) throw notFound(processDoesNotExist(this.execId));
      if (call !== undefined && this.#asked === call) return this.pid;
      if (this.#status !== 'created') throw plainError(CANNOT_START[this.#status]);
      this.#checkContainer();
      const started = new Deferred<void>();
      this.#started = started;
      this.#starting = call;
      this.#askStart();
      try {
        await started.promise;
        this.#asked = call;
      } catch (error) {
        this.#endWaiting();
        throw error;
      } finally {
        this.#started = undefined;
      }
      return this.pid;
    });
  }

  /** Whoever waits for a process that could not be started waits for nothing; it may be started again. */
  #endWaiting(): void {
    if (this.#status !== 'created') return;
    this.#exited.resolve(endedNow(FAILED_STATUS));
    this.#exited = new Deferred<ExitRecord>();
  }

  #askStart(): void {
    const { width, height } = this.#terminalSize ?? { width: 0, height: 0 };
    const { link, hostNetwork } = this.#container;
    const call = this.#starting === undefined ? '' : `for ${this.#starting} `;
    link.send(`${call}${this.#prefix}start ${height} ${width} ${hostNetwork}`);
  }

  #checkContainer(): void {
    const { id, status, isDumping } = this.#container;
    if (isDumping) throw failedPrecondition(execFailed('a checkpoint of the container is being made: try again later'));
    if (status === 'paused') throw plainError(execFailed('cannot exec in a paused container'));
    if (status === 'stopped') throw failedPrecondition(initNotRunning(id));
  }

  wait(): Promise<ExitRecord> {
    return this.#exited.promise;
  }

  async kill(signal: number, ...[, call]: readonly [all: boolean, call?: CallIdentity]): Promise<void> {
    const { link } = this.#container;
    // By the same call, to an earlier daemon, a signal may have been sent already, and have ended it.
    if (this.#status === 'stopped' && !link.mayHaveDone(call)) throw notFound(PROCESS_ALREADY_FINISHED);
    // One whose start hangs has a process that may be killed; and that start may have been asked of an earlier daemon.
    if (this.#isUnstarted && !link.mayHaveDone(call)) throw failedPrecondition(PROCESS_NOT_CREATED);
    const error = await link.signal(signal, this.#prefix, call);
    if (error === errno.ESRCH && this.#isUnstarted) throw failedPrecondition(PROCESS_NOT_CREATED);
    checkSignalled(error, signal);
  }

  get #isUnstarted(): boolean {
    return this.#status === 'created' && this.#started === undefined;
  }

  async closeStdin(call?: CallIdentity): Promise<void> {
    await this.#container.link.tell(call, `${this.#prefix}close-stdin`);
  }

  async resize(size: TerminalSize, call?: CallIdentity): Promise<void> {
    const command = resizeCommand(size);
    if (!this.stdio.terminal) return;
    if (this.#status === 'stopped' && !this.#container.link.mayHaveDone(call)) throw plainError(CANNOT_RESIZE_STOPPED);
    this.#terminalSize = size;
    if (this.isAlive) await this.#container.link.tell(call, this.#prefix + command);
    else await writeTerminalSize(this.#container.directory, this.execId, size);
  }

  /** Removes one that has ended, or does not run: its start was not asked for, or failed. */
  delete(call?: CallIdentity): Promise<ExitRecord | undefined> {
    return this.#queue.run(async () => {
      if (this.#deleted) throw notFound(processDoesNotExist(this.execId));
      if (this.#status === 'running') throw plainError(CANNOT_DELETE_RUNNING);
      const { link, directory, announcements } = this.#container;
      // Also one that is not known to have been started: an earlier daemon may have asked for it.
      if (this.#container.status !== 'stopped') {
        this.#releasing = true;
        link.send(`${this.#prefix}release`);
        await this.#released.promise;
      }
      // What is told of it has no other source once its files are gone.
      await Promise.all([this.#keepAnswer(call), announcements.written()]);
      await removeExecPlan(directory, this.execId);
      await Promise.all([
        removeExecLeftovers(directory, this.execId, this.#terminalSize !== undefined),
        announcements.forgetExec(this.execId),
      ]);
      this.#deleted = true;
      this.#exited.reject(notFound(processDoesNotExist(this.execId)));
      return this.#exit;
    });
  }

  /** Whoever asks again, finds no exec that would tell. */
  async #keepAnswer(call: CallIdentity | undefined): Promise<void> {
    const { namespace, id, answers } = this.#container;
    const process = processName(namespace, id, this.execId);
    await answers.keep({ call, of: this.identity, process, pid: this.pid, exit: this.#exit });
  }

  /** What tells it from a later exec of the same id. */
  get identity(): string {
    return `${this.execId} ${this.record.call ?? ''}`;
  }

  /** The connection to the monitor is a new one: what was asked on the old one may be lost. */
  reconnected(): void {
    if (this.#started !== undefined) this.#askStart();
    if (this.#releasing) this.#container.link.send(`${this.#prefix}release`);
  }

  /** The container has ended, and every process of it. */
  containerEnded(exit: ExitRecord): void {
    this.#released.resolve();
    this.#started?.reject(failedPrecondition(initNotRunning(this.#container.id)));
    if (this.#status === 'running') this.receive({ type: 'exited', exit });
  }

  receive(message: ExecMessage): void {
    switch (message.type) {
      case 'asked':
        this.#asked = message.call;
        break;
      case 'running':
        if (this.#status !== 'created') break;
        this.#status = 'running';
        this.#process = message.process;
        // Of a dead daemon's exec its monitor may tell before this one could.
        void this.announce();
        void this.#container.announcements.once(taskExecStarted(this.#container.id, this.execId, this.pid));
        this.#started?.resolve();
        break;
      case 'failed':
        this.#started?.reject(
          message.errno === errno.ESRCH
            ? failedPrecondition(initNotRunning(this.#container.id))
            : new StatusError(Code.Unknown, execFailed(message.text)),
        );
        break;
      case 'exited':
        if (this.#exit !== undefined) break;
        this.#status = 'stopped';
        this.#exit = message.exit;
        void this.#container.announcements.once(taskExecExit(this.#container.id, this.execId, this.pid, message.exit));
        this.#exited.resolve(message.exit);
        break;
      case 'released':
        this.#released.resolve();
    }
  }
}
