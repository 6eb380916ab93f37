import path from 'node:path';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../common/logger.ts';
import { Code, StatusError, failedPrecondition, notFound } from '../../common/errors.ts';
import { exists, removeDirectory } from '../../common/files.ts';
import { SerialQueue } from '../../common/serial-queue.ts';
import type { Backend } from '../backends/backend.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import { listProcesses } from '../cgroups/processes.ts';
import { taskCreate, taskDelete, taskExit, taskPaused, taskResumed, taskStart } from '../events/task-events.ts';
import type { EventQueue } from '../events/event-queue.ts';
import {
  endedNow,
  SIGKILLED_STATUS,
  type ExitRecord,
  type MonitorMessage,
  type MonitorStatus,
  type ProcessIdentity,
} from '../monitor/messages.ts';
import { Plan } from '../monitor/plan.ts';
import type { Process, Resources } from '../oci/spec.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { Announcements } from './announcements.ts';
import type { CheckpointRequest } from './checkpoint-options.ts';
import { Checkpointing } from './checkpointing.ts';
import type { CallIdentity } from './call-identity.ts';
import { ContainerRecovery, type RecoverableContainer, type RecoveredEnds } from './container-recovery.ts';
import { markAbandoned, removeContainerRecord, type ContainerRecord } from './container-record.ts';
import { updateResources } from './container-resources.ts';
import { Deferred } from './deferred.ts';
import type { Exec, ExecContainer } from './exec.ts';
import { ExecTable } from './exec-table.ts';
import { explainFailure } from './failure-log.ts';
import { processName, throwIfRefused, type KeptAnswers } from './kept-answers.ts';
import {
  CANNOT_CHECKPOINT,
  CANNOT_DELETE_PAUSED,
  CANNOT_DELETE_RUNNING,
  CANNOT_EXEC,
  CANNOT_EXEC_CREATED,
  CANNOT_PAUSE,
  CANNOT_RESUME,
  CANNOT_START,
  CANNOT_UPDATE_STOPPED,
  CONTAINER_NOT_CREATED,
  createFailed,
  startFailed,
} from './messages.ts';
import { Killing, type Killable } from './killing.ts';
import { MonitorLink, type MonitorOwner } from './monitor-link.ts';
import { Pausing } from './pausing.ts';
import { explainRestore, makeWorkDirectory } from './restoring.ts';
import { planStdio, type Stdio } from './stdio.ts';
import { plainError, resizeCommand, type ProcessStatus, type TaskProcess, type TerminalSize } from './task-process.ts';
import { readUsage } from './usage.ts';

export interface ContainerContext {
  readonly record: ContainerRecord;
  /** The state directory. */
  readonly directory: string;
  readonly events: EventQueue;
  readonly answers: KeptAnswers;
  readonly logger: Logger;
  /** Removes what a monitor that died has left, and records an end (lxcri-monitor --cleanup). */
  readonly cleanUp: (directory: string) => Promise<ExitRecord>;
  /** A path of the host's network namespace. */
  readonly hostNetwork: string;
  readonly backend: Backend;
}

/** Why a creation failed that nobody has decided about: nothing of it is left, and it may be tried again. */
export class InterruptedCreation extends StatusError {
  constructor() {
    super(Code.Unavailable, createFailed('it was interrupted: try again'));
  }
}

/**
 * One container and what is known of it. Its monitor tells what happens; calls that change it run one after another.
 * Nothing here is lost with this process: the next daemon makes it again from the state directory.
 */
export class Container implements TaskProcess, MonitorOwner, ExecContainer, Killable, RecoverableContainer {
  readonly execId = '';
  readonly record: ContainerRecord;
  readonly #context: ContainerContext;
  readonly #queue = new SerialQueue();
  readonly #created = new Deferred<ProcessIdentity>();
  readonly #started = new Deferred<void>();
  readonly #exited = new Deferred<ExitRecord>();
  /** The monitor's connection has closed: there is nothing left to clean up. */
  readonly #gone = new Deferred<void>();
  readonly link: MonitorLink;
  readonly announcements: Announcements;
  readonly execs: ExecTable;
  #status: Exclude<ProcessStatus, 'paused'> = 'creating';
  readonly pausing: Pausing;
  readonly #killing: Killing;
  readonly #checkpointing: Checkpointing;
  readonly #recovery: ContainerRecovery;
  #init: ProcessIdentity = { pid: 0, startTime: 0n };
  #exit: ExitRecord | undefined;
  #startAsked = false;
  /** Whose call has asked for the start. */
  #asked: CallIdentity | undefined;
  #releasing = false;
  /** containerd dropped this container; it tells the end to others by itself. */
  #isAbandoned = false;
  /** How it ended, once its state directory is gone, which may be another container's by now. */
  #removed: ExitRecord | undefined;

  constructor(context: ContainerContext) {
    this.#context = context;
    this.record = context.record;
    this.pausing = new Pausing(context.record.cgroups);
    this.#killing = new Killing(this);
    this.link = new MonitorLink(context.directory, this);
    this.announcements = new Announcements(context.record, context.events);
    this.execs = new ExecTable(this);
    this.#checkpointing = new Checkpointing(this);
    const ends: RecoveredEnds = {
      failed: async (reason) => {
        if (reason === undefined) this.#failCreation(new InterruptedCreation());
        else await this.#fail(reason);
      },
      endedWithoutMonitor: (status) => this.#endWithoutMonitor(status),
    };
    this.#recovery = new ContainerRecovery(this, ends, context.logger);
  }

  get namespace(): string {
    return this.record.namespace;
  }

  get answers(): KeptAnswers {
    return this.#context.answers;
  }

  get backend(): Backend {
    return this.#context.backend;
  }

  get isDumping(): boolean {
    return this.#checkpointing.isDumping;
  }

  get hostNetwork(): string {
    return this.#context.hostNetwork;
  }

  get id(): string {
    return this.record.id;
  }

  get cgroups(): readonly Cgroup[] {
    return this.record.cgroups;
  }

  get directory(): string {
    return this.#context.directory;
  }

  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  get stdio(): Stdio {
    return this.record.stdio;
  }

  get ended(): boolean {
    return this.#status === 'stopped';
  }

  get status(): ProcessStatus {
    return this.#status === 'running' && this.pausing.paused ? 'paused' : this.#status;
  }

  /** The init's pid on the host; 0 before it runs. */
  get pid(): number {
    return this.#init.pid;
  }

  get exit(): ExitRecord | undefined {
    return this.#exit;
  }

  /** Gives the container to a waiting monitor, and waits until its init is set up. @returns the init's pid. */
  async create(monitor: Duplex): Promise<number> {
    this.link.run(monitor);
    return this.created();
  }

  /** Resolves once it is created, by this daemon or an earlier one, and that is told. @returns the init's pid. */
  async created(): Promise<number> {
    const init = await this.#created.promise;
    await this.announcements.written();
    return init.pid;
  }

  /** For a container whose create failed: resolves once everything of it is cleaned up. */
  async withdraw(): Promise<void> {
    if (this.link.used) await this.#gone.promise;
    // A later container of the same id waits for this one's events.
    await this.announcements.discard();
  }

  /** Takes it over from an earlier daemon. Without a status it was being created, and is, or `created` tells why not. */
  async recover(found: MonitorStatus | undefined): Promise<void> {
    await this.#recovery.run(found);
    this.#recoverCheckpoint();
  }

  /** Before any call: what a dead daemon has begun is brought to its end. */
  #recoverCheckpoint(): void {
    void this.#queue
      .run(() => this.#checkpointing.recover())
      .catch((error: unknown) => {
        this.#context.logger.warn(
          { ...this.#identity, err: error },
          'a checkpoint that an earlier daemon began failed',
        );
      });
  }

  async #endWithoutMonitor(status: MonitorStatus | undefined): Promise<void> {
    const hasPlan = await this.#hasPlan();
    const exit = hasPlan || status?.exit === undefined ? await this.#cleanUpAfterMonitor() : status.exit;
    this.#gone.resolve();
    this.#end(exit);
  }

  /** @returns the init's pid. */
  start(call?: CallIdentity): Promise<number> {
    return this.#queue.run(async () => {
      if (call === undefined || this.#asked !== call) await this.#beginStart(call);
      await this.#started.promise.catch(async (error: unknown) => {
        throw this.#isRestored ? await explainRestore(error, this.#context.directory, this.record) : error;
      });
      return this.pid;
    });
  }

  async #beginStart(call: CallIdentity | undefined): Promise<void> {
    const { status } = this;
    if (status !== 'created' && status !== 'creating') throw plainError(CANNOT_START[status]);
    this.#startAsked = true;
    this.#asked = call;
    if (this.#isRestored) await makeWorkDirectory(this.#context.directory, this.record.criu);
    this.#askStart();
  }

  #askStart(): void {
    const call = this.#asked === undefined ? '' : `for ${this.#asked} `;
    this.link.send(call + (this.#isRestored ? `restore ${this.hostNetwork}` : 'start'));
  }

  /** Of a checkpoint: it has no process before its start. */
  get #isRestored(): boolean {
    return this.record.checkpoint !== undefined && this.record.checkpoint !== '';
  }

  /** It is to be restored, and has not been started. */
  get hasNoProcess(): boolean {
    return this.#isRestored && this.#status === 'created' && this.pid === 0;
  }

  wait(): Promise<ExitRecord> {
    return this.#exited.promise;
  }

  /** Waits for no other call: a Start may hang in the payload's exec, and must be ended by this. */
  async kill(signal: number, all: boolean, call?: CallIdentity): Promise<void> {
    await this.#killing.kill(signal, all, call);
  }

  /** Returns when all its processes stand still. */
  pause(call?: CallIdentity): Promise<void> {
    return this.#queue.run(async () => {
      if (this.announcements.isToldOf('paused', call)) return;
      const untold = this.#untoldTurn;
      if (this.status !== 'running' && untold !== 'paused') throw plainError(CANNOT_PAUSE[this.status]);
      if (untold === 'resumed') await this.announcements.again(taskResumed(this.record.id), undefined);
      await this.pausing.pause();
      await this.announcements.again(taskPaused(this.record.id), call);
    });
  }

  resume(call?: CallIdentity): Promise<void> {
    return this.#queue.run(async () => {
      if (this.announcements.isToldOf('resumed', call)) return;
      const untold = this.#untoldTurn;
      if (this.status !== 'paused' && untold !== 'resumed') throw plainError(CANNOT_RESUME[this.status]);
      if (untold === 'paused') await this.announcements.again(taskPaused(this.record.id), undefined);
      await this.pausing.resume();
      await this.announcements.again(taskResumed(this.record.id), call);
    });
  }

  /**
   * What an earlier daemon did and died before it told: by the call that comes again now, or by one whose client is gone.
   */
  get #untoldTurn(): 'paused' | 'resumed' | undefined {
    if (this.status === 'paused' && this.#lastTurn !== 'paused') return 'paused';
    if (this.status === 'running' && this.#lastTurn === 'paused') return 'resumed';
    return undefined;
  }

  get #lastTurn(): 'paused' | 'resumed' | undefined {
    return this.announcements.latest('paused', 'resumed');
  }

  /** Returns when all is written; and, if it is to end with it, when it has. */
  checkpoint(request: CheckpointRequest, call?: CallIdentity): Promise<void> {
    return this.#queue.run(async () => {
      const { status } = this;
      throwIfRefused(this.answers.find(call));
      if (!this.announcements.isToldOf('checkpointed', call)) {
        if (status !== 'running' && status !== 'paused') throw plainError(CANNOT_CHECKPOINT[status]);
        await this.#checkpointing.run(request, call);
      }
      if (request.exit) await this.#exited.promise;
    });
  }

  update(resources: Resources): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#status === 'stopped') throw plainError(CANNOT_UPDATE_STOPPED);
      const { bundle, cgroups } = this.record;
      const { backend } = this.#context;
      await updateResources({ bundle, cgroups, translate: (limits) => backend.translateResources(limits) }, resources);
    });
  }

  /** What it uses, or used at its end: an encoded Metrics message. @throws StatusError NotFound if nobody knows. */
  stats(): Promise<Any> {
    return readUsage(this);
  }

  async pids(): Promise<number[]> {
    const [cgroup] = this.record.cgroups;
    // Not none: after its own restart containerd 1.7 would take that for a shim without a container, and forget the end.
    if (this.#status === 'stopped' || this.hasNoProcess) return [this.pid];
    return cgroup === undefined ? [] : listProcesses(cgroup.directory);
  }

  async closeStdin(call?: CallIdentity): Promise<void> {
    await this.link.tell(call, 'close-stdin');
  }

  async resize(size: TerminalSize, call?: CallIdentity): Promise<void> {
    const command = resizeCommand(size);
    // One that has ended has no screen either; runc's shim sets it all the same (pkg/process/init.go, Resize).
    if (this.stdio.terminal && this.#status !== 'stopped') await this.link.tell(call, command);
  }

  /** Adds a process that is to be started later. */
  async addExec(execId: string, process: Process, stdio: Stdio, call?: CallIdentity): Promise<void> {
    if (await this.execs.has(execId, call)) return;
    const { status } = this;
    if (status === 'paused' || status === 'stopped') throw plainError(CANNOT_EXEC[status]);
    if (this.hasNoProcess) throw plainError(CANNOT_EXEC_CREATED);
    const prepared = await this.#context.backend.prepareExec({ process, defaults: this.record.execDefaults });
    const plan = new Plan();
    const { namespace } = this.record;
    planStdio(stdio, { namespace, id: execId, hostNetwork: this.#context.hostNetwork }, plan);
    try {
      await this.execs.add({ execId, stdio, call }, { plan: plan.append(prepared.plan), init: prepared.init });
    } catch (error) {
      throw this.#removed === undefined ? error : notFound(CONTAINER_NOT_CREATED);
    }
  }

  /** The first process, or the exec of that id. @throws StatusError NotFound. */
  process(execId: string): Container | Exec {
    return execId === '' ? this : this.execs.get(execId);
  }

  /** Removes a container that has ended, or never ran. @returns how it ended. */
  delete(call?: CallIdentity): Promise<ExitRecord> {
    return this.#queue.run(async () => {
      if (this.#removed !== undefined) throw notFound(CONTAINER_NOT_CREATED);
      if (this.status === 'paused') throw plainError(CANNOT_DELETE_PAUSED);
      if (this.#status === 'running' || this.#status === 'creating') {
        throw plainError(CANNOT_DELETE_RUNNING);
      }
      const exit = await this.#stopAndClean();
      // On disk before the rest goes: a crash in between repeats the removal, not the event.
      await this.#keepAnswer(call, exit);
      await this.announcements.once(taskDelete(this.record.id, this.pid, exit));
      await this.#remove(exit);
      this.announcements.finish();
      return exit;
    });
  }

  /** Whoever asks again, for this or for its creation, finds no container that would tell. */
  async #keepAnswer(call: CallIdentity | undefined, exit: ExitRecord, isAbandonment = false): Promise<void> {
    const { namespace, id, journal, call: creation } = this.record;
    const process = processName(namespace, id, '');
    await this.answers.keep({ call, creation, of: journal, process, isAbandonment, pid: this.pid, exit });
  }

  /** That was begun, and has to be brought to its end. */
  get isBeingDeleted(): boolean {
    return this.announcements.isTold('delete');
  }

  /** Says of a container that was found that it had been given up. */
  resumeAbandonment(): void {
    this.#isAbandoned = true;
  }

  /** Removes it in whatever state it is, without a word to containerd. @returns how it ended. */
  async abandon(call?: CallIdentity): Promise<ExitRecord> {
    this.#isAbandoned = true;
    // First of all: the next daemon goes on with it.
    await markAbandoned(this.directory);
    // Not behind a call that hangs; what it waits for comes with the end.
    void this.#killing.end().catch(() => undefined);
    this.#checkpointing.abort();
    return this.#queue.run(async () => {
      if (this.#removed !== undefined) return this.#removed;
      const exit = await this.#stopAndClean();
      await this.announcements.discard();
      await this.#keepAnswer(call, exit, true);
      await this.#remove(exit);
      return exit;
    });
  }

  /** Ends the container while it is being created. */
  abort(): void {
    this.#killing.abort();
  }

  async #stopAndClean(): Promise<ExitRecord> {
    await this.#killing.end();
    this.#releasing = true;
    this.link.send('release');
    const exit = await this.#exited.promise;
    if (this.link.used) await this.#gone.promise;
    await this.execs.close();
    return exit;
  }

  async #remove(exit: ExitRecord): Promise<void> {
    // First, so that the rest is nobody's, should this be interrupted.
    await removeContainerRecord(this.#context.directory);
    await removeDirectory(this.#context.directory);
    this.#removed = exit;
  }

  /** Events are added here, where the order of things is the monitor's. */
  message(message: MonitorMessage): void {
    switch (message.type) {
      case 'created':
        // A monitor that greets late tells what its file has told.
        if (this.#created.settled) {
          // Unless it has been restored since.
          if (this.pid === 0) this.#init = message.init;
          break;
        }
        this.#init = message.init;
        this.#status = 'created';
        this.#announceCreate();
        this.#created.resolve(message.init);
        break;
      case 'asked':
        this.#asked = message.call;
        break;
      case 'running':
        if (this.#started.settled) break;
        this.#status = 'running';
        void this.announcements.once(taskStart(this.record.id, this.pid));
        this.#started.resolve();
        break;
      case 'start-failed':
        if (this.#started.settled) break;
        this.#started.reject(new StatusError(Code.Unknown, startFailed(message.text)));
        break;
      case 'failed':
        void this.#fail(message.text);
        break;
      case 'exited':
        this.#end(message.exit);
        break;
      case 'oom':
        this.announcements.oom(message.count);
        break;
      case 'exec':
        this.execs.receive(message.execId, message.message);
        break;
      case 'checkpointed':
        this.#checkpointing.receive(message.status);
        break;
      // The link's own.
      case 'signalled':
      case 'streams':
      case 'asleep':
      case 'done':
      case 'greeted':
        break;
      case 'warning':
        this.#context.logger.warn({ ...this.#identity, text: message.text }, 'the monitor warns');
    }
  }

  get #identity(): object {
    return { namespace: this.record.namespace, id: this.record.id };
  }

  #announceCreate(): void {
    const { id, bundle, stdio, checkpoint = '' } = this.record;
    const rootfs = [...this.record.rootfs];
    const io = { stdin: stdio.stdin, stdout: stdio.stdout, stderr: stdio.stderr, terminal: stdio.terminal };
    const event = taskCreate({ containerId: id, bundle, rootfs, io, checkpoint, pid: this.pid });
    void this.announcements.once(event);
  }

  async #fail(text: string): Promise<void> {
    // At once: the monitor's end, which follows, is then a regular one.
    this.#status = 'stopped';
    const reason = await explainFailure(text, this.#context.directory);
    this.#failCreation(new StatusError(Code.Unknown, createFailed(reason)));
  }

  #failCreation(error: StatusError): void {
    this.#status = 'stopped';
    this.#created.reject(error);
    this.#settleStopped(endedNow(255));
  }

  /** The end of a container that existed for containerd. */
  #end(exit: ExitRecord): void {
    this.#status = 'stopped';
    if (this.#exit !== undefined) return;
    const announced = this.#created.settled;
    const isPauseUntold = this.pausing.paused && this.#lastTurn !== 'paused';
    if (isPauseUntold && !this.#isAbandoned) void this.announcements.again(taskPaused(this.record.id), undefined);
    this.#created.reject(new StatusError(Code.Unknown, createFailed('the container ended before it was created')));
    this.execs.tellFound();
    // Those of which nobody told the end were killed with it.
    this.execs.containerEnded({ ...exit, status: SIGKILLED_STATUS });
    if (announced && !this.#isAbandoned) void this.announcements.once(taskExit(this.record.id, this.pid, exit));
    this.#settleStopped(exit);
  }

  #settleStopped(exit: ExitRecord): void {
    this.#exit = exit;
    this.#started.reject(failedPrecondition('the container stopped before it was started'));
    this.link.end();
    this.#exited.resolve(exit);
  }

  /** A monitor that has them already does nothing more. */
  reconnected(): void {
    if (this.#startAsked && !this.#started.settled) this.#askStart();
    this.#checkpointing.reconnected();
    if (this.#releasing) this.link.send('release');
    this.execs.reconnected();
  }

  /** After the end there may be hooks to run, mounts to unmount, output to keep. */
  async isFinished(): Promise<boolean> {
    return this.#status === 'stopped' && !(await this.#hasPlan());
  }

  /** A monitor removes its plan when it is through. */
  async #hasPlan(): Promise<boolean> {
    return exists(path.join(this.directory, 'monitor.plan'));
  }

  async gone(): Promise<void> {
    // Who connects to it sees to that.
    if (this.#recovery.isGreeting) return;
    if (!(await this.isFinished())) {
      // Or it ended as it should, and its last words went with the connection: writing to a closed one loses them.
      this.#context.logger.warn(this.#identity, 'a monitor is gone without a word; what it may have left is removed');
      await this.#recovery.readLastWords(this.#created.settled);
      const exit = await this.#cleanUpAfterMonitor();
      this.#end(exit);
    }
    this.#checkpointing.gone();
    this.#gone.resolve();
  }

  /** Whatever it meets, the container has ended, and whoever waits for that must hear of it. */
  async #cleanUpAfterMonitor(): Promise<ExitRecord> {
    try {
      return await this.#context.cleanUp(this.#context.directory);
    } catch (error) {
      this.#context.logger.error({ ...this.#identity, err: error }, 'what a dead monitor left cannot be removed');
      return endedNow(SIGKILLED_STATUS);
    }
  }
}
