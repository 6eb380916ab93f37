import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../../common/logger.ts';
import { Code, StatusError, failedPrecondition, internal, invalidArgument, notFound } from '../../common/errors.ts';
import { SerialQueue } from '../../common/serial-queue.ts';
import type { CgroupSetting } from '../backends/backend.ts';
import { readLastMetrics, readMetrics } from '../cgroups/metrics.ts';
import { readNetwork } from '../cgroups/network-metrics.ts';
import { listProcesses, signalProcesses } from '../cgroups/processes.ts';
import {
  taskCreate,
  taskDelete,
  taskExit,
  taskOom,
  taskPaused,
  taskResumed,
  taskStart,
} from '../events/task-events.ts';
import type { TaskEvent } from '../events/event.ts';
import { topicName } from '../events/event-journal.ts';
import type { EventQueue } from '../events/event-queue.ts';
import type { ExitRecord, MonitorMessage, MonitorStatus, ProcessIdentity } from '../monitor/messages.ts';
import { Monitor, type MonitorListener } from '../monitor/monitor.ts';
import type { Resources } from '../oci/spec.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { removeContainerRecord, type ContainerRecord } from './container-record.ts';
import { updateResources } from './container-resources.ts';
import { Deferred } from './deferred.ts';
import { explainFailure } from './failure-log.ts';
import {
  CANNOT_DELETE_PAUSED,
  CANNOT_DELETE_RUNNING,
  CANNOT_PAUSE,
  CANNOT_RESUME,
  CANNOT_START_PAUSED,
  CANNOT_UPDATE_STOPPED,
  CONTAINER_NOT_CREATED,
  PROCESS_ALREADY_FINISHED,
  createFailed,
  startFailed,
} from './messages.ts';
import { Pausing } from './pausing.ts';

export type ContainerStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

export interface ContainerContext {
  readonly record: ContainerRecord;
  /** The state directory. */
  readonly directory: string;
  readonly events: EventQueue;
  readonly logger: Logger;
  /** Removes what a monitor that died has left, and records an end (lxcri-monitor --cleanup). */
  readonly cleanUp: (directory: string) => Promise<ExitRecord>;
  /** A path of the host's network namespace. */
  readonly hostNetwork: string;
  /** The backend's way to change limits. */
  readonly translateResources: (resources: Resources) => readonly CgroupSetting[];
}

/** How long a daemon's start waits for what a monitor tells at once, unless the kernel or a debugger holds it. */
const GREETING_TIMEOUT_MS = 1000;

const SIGKILL = 9;
const SIGKILLED_STATUS = 128 + SIGKILL;
const ESRCH = 3;
const EINVAL = 22;
const EIO = 5;

/**
 * One container and what is known of it. Its monitor tells what happens; calls that change it run one after another.
 * Nothing here is lost with this process: the next daemon makes it again from the state directory.
 */
export class Container {
  readonly record: ContainerRecord;
  readonly #context: ContainerContext;
  readonly #queue = new SerialQueue();
  readonly #created = new Deferred<ProcessIdentity>();
  readonly #started = new Deferred<void>();
  readonly #exited = new Deferred<ExitRecord>();
  /** The monitor's connection has closed: there is nothing left to clean up. */
  readonly #gone = new Deferred<void>();
  /** The monitor has said something. */
  readonly #told = new Deferred<void>();
  readonly #signalled: Deferred<number>[] = [];
  /** Settled, but while a connection that was lost is being made again. */
  #connected: Promise<void> = Promise.resolve();
  #monitor: Monitor | undefined;
  #status: Exclude<ContainerStatus, 'paused'> = 'creating';
  readonly #pausing: Pausing;
  #init: ProcessIdentity = { pid: 0, startTime: 0n };
  #exit: ExitRecord | undefined;
  /** The names of the events that were added, by this daemon or an earlier one: none is added twice. */
  readonly #issued = new Set<string>();
  /** As far as told; undefined for a container of an earlier daemon, until its monitor speaks. */
  #oomCount: bigint | undefined = 0n;
  #startAsked = false;
  /** containerd dropped this container; it tells the end to others by itself. */
  #abandoned = false;
  /** How it ended, once its state directory is gone, which may be another container's by now. */
  #removed: ExitRecord | undefined;

  constructor(context: ContainerContext) {
    this.#context = context;
    this.record = context.record;
    this.#pausing = new Pausing(context.record.cgroups);
  }

  get status(): ContainerStatus {
    return this.#status === 'running' && this.#pausing.paused ? 'paused' : this.#status;
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
    this.#monitor = Monitor.run(monitor, this.#context.directory, this.#listener());
    const init = await this.#created.promise;
    return init.pid;
  }

  /** For a container whose create failed: resolves once everything of it is cleaned up. */
  async withdraw(): Promise<void> {
    if (this.#monitor !== undefined) await this.#gone.promise;
    // A later container of the same id waits for this one's events.
    await this.#context.events.discard();
  }

  /** Takes a container over from an earlier daemon: from its monitor if that lives, else from what it left. */
  async recover(status: MonitorStatus | undefined): Promise<void> {
    for (const name of await this.#recoverEvents()) this.#issued.add(name);
    this.#oomCount = undefined;
    if (status !== undefined) this.#init = status.init;
    try {
      this.#monitor = await Monitor.connect(this.#context.directory, this.#listener());
    } catch {
      await this.#recoverWithoutMonitor(status);
      return;
    }
    await this.#pausing.recover();
    // It tells its state at once; one that was still being created tells it when it knows.
    if (status !== undefined) await this.#awaitGreeting(status);
  }

  /** Events that cannot be read are lost; the container is not. */
  async #recoverEvents(): Promise<ReadonlySet<string>> {
    try {
      return await this.#context.events.recover();
    } catch (error) {
      this.#context.logger.error({ ...this.#identity, err: error }, 'the journal of a container cannot be read');
      return new Set();
    }
  }

  /** One that does not answer, because a mount or an unmount hangs, must not keep the daemon from all others. */
  async #awaitGreeting(status: MonitorStatus): Promise<void> {
    const late = await Promise.race([this.#told.promise, setTimeout(GREETING_TIMEOUT_MS, status, { ref: false })]);
    if (late === undefined) return;
    this.#context.logger.warn(this.#identity, 'the monitor of a container does not answer; its file tells its state');
    this.#recoverStatus(status);
    if (status.exit !== undefined) this.#end(status.exit);
  }

  async #recoverWithoutMonitor(status: MonitorStatus | undefined): Promise<void> {
    const exit = status?.exit ?? (await this.#cleanUpAfterMonitor());
    this.#gone.resolve();
    if (status !== undefined) this.#recoverStatus(status);
    this.#end(exit);
  }

  #recoverStatus({ init, started }: MonitorStatus): void {
    this.#receive({ type: 'created', init });
    if (started) this.#receive({ type: 'running' });
  }

  /** @returns the init's pid. */
  start(): Promise<number> {
    return this.#queue.run(async () => {
      if (this.status === 'paused') throw new StatusError(Code.Unknown, CANNOT_START_PAUSED);
      if (this.#status === 'running') throw failedPrecondition('cannot start a container that is already running');
      if (this.#status === 'stopped') throw failedPrecondition('cannot start a container that has stopped');
      this.#startAsked = true;
      this.#monitor?.start();
      await this.#started.promise;
      return this.pid;
    });
  }

  wait(): Promise<ExitRecord> {
    return this.#exited.promise;
  }

  /** Waits for no other call: a Start may hang in the payload's exec, and must be ended by this. */
  async kill(signal: number, all: boolean): Promise<void> {
    if (this.#status === 'stopped') throw notFound(PROCESS_ALREADY_FINISHED);
    if (all) {
      await this.#signalAll(signal);
      return;
    }
    const errno = await this.#signalInit(signal);
    if (signal === SIGKILL) await this.#pausing.letDie();
    if (errno === ESRCH) throw notFound(PROCESS_ALREADY_FINISHED);
    if (errno === EINVAL) throw invalidArgument(`signal is ${signal}: expected one that Linux has, 0 to 64`);
    if (errno !== 0) throw internal(`signal ${signal} could not be sent (errno ${errno})`);
  }

  async #signalInit(signal: number): Promise<number> {
    await this.#connected;
    if (this.#monitor === undefined || this.#status === 'stopped') return ESRCH;
    const answer = new Deferred<number>();
    this.#signalled.push(answer);
    this.#monitor.signal(signal);
    return answer.promise;
  }

  async #signalAll(signal: number): Promise<void> {
    await signalProcesses(this.record.cgroups, signal);
    if (signal === SIGKILL) await this.#pausing.letDie();
  }

  /** Returns when all its processes stand still. */
  pause(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.status !== 'running') throw new StatusError(Code.Unknown, CANNOT_PAUSE[this.status]);
      await this.#pausing.pause();
      await this.#context.events.add(this.record.target, taskPaused(this.record.id));
    });
  }

  resume(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.status !== 'paused') throw new StatusError(Code.Unknown, CANNOT_RESUME[this.status]);
      await this.#pausing.resume();
      await this.#context.events.add(this.record.target, taskResumed(this.record.id));
    });
  }

  update(resources: Resources): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#status === 'stopped') throw new StatusError(Code.Unknown, CANNOT_UPDATE_STOPPED);
      const { bundle, cgroups } = this.record;
      await updateResources({ bundle, cgroups, translate: this.#context.translateResources }, resources);
    });
  }

  /** What it uses, or used at its end: an encoded Metrics message. @throws StatusError NotFound if nobody knows. */
  async stats(): Promise<Any> {
    const { cgroups } = this.record;
    if (this.#status !== 'stopped') return readMetrics(cgroups, await readNetwork(this.pid, this.#context.hostNetwork));
    // Before the monitor removes the cgroup, it keeps them.
    const last = await readLastMetrics(cgroups, path.join(this.#context.directory, 'last-stats'));
    return last ?? readMetrics(cgroups, []);
  }

  async pids(): Promise<number[]> {
    const [cgroup] = this.record.cgroups;
    // Not none: after its own restart containerd 1.7 would take that for a shim without a container, and forget the end.
    if (this.#status === 'stopped') return [this.pid];
    return cgroup === undefined ? [] : listProcesses(cgroup.directory);
  }

  closeStdin(): void {
    this.#monitor?.closeStdin();
  }

  /** Removes a container that has ended, or never ran. @returns how it ended. */
  delete(): Promise<ExitRecord> {
    return this.#queue.run(async () => {
      if (this.#removed !== undefined) throw notFound(CONTAINER_NOT_CREATED);
      if (this.status === 'paused') throw new StatusError(Code.Unknown, CANNOT_DELETE_PAUSED);
      if (this.#status === 'running' || this.#status === 'creating') {
        throw new StatusError(Code.Unknown, CANNOT_DELETE_RUNNING);
      }
      const exit = await this.#stopAndClean();
      // On disk before the rest goes: a crash in between repeats the removal, not the event.
      await this.#announce(taskDelete(this.record.id, this.pid, exit));
      await this.#remove(exit);
      this.#context.events.finish();
      return exit;
    });
  }

  /** Removes it in whatever state it is, without a word to containerd. @returns how it ended. */
  abandon(): Promise<ExitRecord> {
    this.#abandoned = true;
    // Not behind a call that hangs; what it waits for comes with the end.
    void this.#kill().catch(() => undefined);
    return this.#queue.run(async () => {
      if (this.#removed !== undefined) return this.#removed;
      const exit = await this.#stopAndClean();
      await this.#context.events.discard();
      await this.#remove(exit);
      return exit;
    });
  }

  /** Ends the container while it is being created. */
  abort(): void {
    this.#monitor?.abort();
  }

  async #kill(): Promise<void> {
    // There may be no process to kill yet, but one to come; and cgroups that are not ours yet.
    if (this.#status === 'creating') this.abort();
    if (this.#status === 'created' || this.#status === 'running') {
      await this.#signalAll(SIGKILL);
      await this.#signalInit(SIGKILL);
    }
  }

  async #stopAndClean(): Promise<ExitRecord> {
    await this.#kill();
    this.#monitor?.release();
    const exit = await this.#exited.promise;
    if (this.#monitor !== undefined) await this.#gone.promise;
    return exit;
  }

  async #remove(exit: ExitRecord): Promise<void> {
    // First, so that the rest is nobody's, should this be interrupted.
    await removeContainerRecord(this.#context.directory);
    await rm(this.#context.directory, { recursive: true, force: true });
    this.#removed = exit;
  }

  #listener(): MonitorListener {
    return {
      message: (message) => {
        this.#receive(message);
      },
      closed: () => {
        this.#monitorClosed();
      },
    };
  }

  async #announce(event: TaskEvent): Promise<void> {
    const name = topicName(event);
    if (this.#issued.has(name)) return;
    this.#issued.add(name);
    await this.#context.events.add(this.record.target, event);
  }

  /** Events are added here, where the order of things is the monitor's. */
  #receive(message: MonitorMessage): void {
    this.#told.resolve();
    switch (message.type) {
      case 'created':
        // A monitor that greets late tells what its file has told.
        if (this.#created.settled) break;
        this.#init = message.init;
        this.#status = 'created';
        this.#announceCreate();
        this.#created.resolve(message.init);
        break;
      case 'running':
        if (this.#started.settled) break;
        this.#status = 'running';
        void this.#announce(taskStart(this.record.id, this.pid));
        this.#started.resolve();
        break;
      case 'start-failed':
        this.#started.reject(new StatusError(Code.Unknown, startFailed(message.text)));
        break;
      case 'failed':
        void this.#fail(message.text);
        break;
      case 'exited':
        this.#end(message.exit);
        break;
      case 'signalled':
        this.#signalled.shift()?.resolve(message.errno);
        break;
      case 'oom':
        this.#announceOom(message.count);
        break;
      case 'warning':
        this.#context.logger.warn({ ...this.#identity, text: message.text }, 'the monitor warns');
    }
  }

  get #identity(): object {
    return { namespace: this.record.namespace, id: this.record.id };
  }

  /** One event for each time; of those that no daemon saw, one. */
  #announceOom(count: bigint): void {
    const seen = this.#oomCount ?? (this.#issued.has('oom') ? count : count - 1n);
    this.#oomCount = count;
    for (let each = seen; each < count; each += 1n) {
      void this.#context.events.add(this.record.target, taskOom(this.record.id));
    }
  }

  #announceCreate(): void {
    const { id, bundle, stdio } = this.record;
    const rootfs = [...this.record.rootfs];
    const io = { stdin: stdio.stdin, stdout: stdio.stdout, stderr: stdio.stderr, terminal: stdio.terminal };
    const event = taskCreate({ containerId: id, bundle, rootfs, io, checkpoint: '', pid: this.pid });
    void this.#announce(event);
  }

  async #fail(text: string): Promise<void> {
    // At once: the monitor's end, which follows, is then a regular one.
    this.#status = 'stopped';
    const reason = await explainFailure(text, this.#context.directory);
    this.#created.reject(new StatusError(Code.Unknown, createFailed(reason)));
    this.#settleStopped({ status: 255, seconds: BigInt(Math.floor(Date.now() / 1000)), nanoseconds: 0 });
  }

  /** The end of a container that existed for containerd. */
  #end(exit: ExitRecord): void {
    this.#status = 'stopped';
    if (this.#exit !== undefined) return;
    const announced = this.#created.settled;
    this.#created.reject(new StatusError(Code.Unknown, createFailed('the container ended before it was created')));
    if (announced && !this.#abandoned) void this.#announce(taskExit(this.record.id, this.pid, exit));
    this.#settleStopped(exit);
  }

  #settleStopped(exit: ExitRecord): void {
    this.#exit = exit;
    this.#started.reject(failedPrecondition('the container stopped before it was started'));
    for (const answer of this.#signalled.splice(0)) answer.resolve(ESRCH);
    this.#exited.resolve(exit);
  }

  #monitorClosed(): void {
    this.#connected = this.#reconnectOrEnd();
  }

  /** Regular after the end. Before it, the connection alone may be lost, or somebody killed the monitor. */
  async #reconnectOrEnd(): Promise<void> {
    this.#told.resolve();
    if (this.#status !== 'stopped' && (await this.#reconnect())) return;
    if (this.#status !== 'stopped') {
      // Or it ended as it should, and its last words went with the connection: writing to a closed one loses them.
      this.#context.logger.warn(this.#identity, 'a monitor is gone without a word; what it may have left is removed');
      this.#end(await this.#cleanUpAfterMonitor());
    }
    this.#gone.resolve();
  }

  /** A monitor drops whom it cannot write to at once; it tells its state to whoever connects. */
  async #reconnect(): Promise<boolean> {
    try {
      this.#monitor = await Monitor.connect(this.#context.directory, this.#listener());
      // Nobody knows whether they arrived, and a signal must not come twice.
      for (const answer of this.#signalled.splice(0)) answer.resolve(EIO);
      // It may have been lost with the connection. A monitor that has it already does nothing more.
      if (this.#startAsked && !this.#started.settled) this.#monitor.start();
      return true;
    } catch {
      return false;
    }
  }

  /** Whatever it meets, the container has ended, and whoever waits for that must hear of it. */
  async #cleanUpAfterMonitor(): Promise<ExitRecord> {
    try {
      return await this.#context.cleanUp(this.#context.directory);
    } catch (error) {
      this.#context.logger.error({ ...this.#identity, err: error }, 'what a dead monitor left cannot be removed');
      return { status: SIGKILLED_STATUS, seconds: BigInt(Math.floor(Date.now() / 1000)), nanoseconds: 0 };
    }
  }
}
